-- The role that Grafana reads with, where there is one (deploy/timescaledb/grafana-role.sh): no password,
-- of people or of devices, is for a dashboard's eyes.
-- depends: 0004.hypertables

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'grafana') THEN
        REVOKE ALL ON accounts, devices FROM grafana;
        GRANT SELECT (device, point_id, site, protocol, interval_s, model, enabled, online, online_at,
                      last_report_at) ON devices TO grafana;
    END IF;
END
$$;
