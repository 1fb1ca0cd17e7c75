-- The figures of the top row, each a scalar; days are local days.
-- Keys: evaluations_exceed and rejected_received_at by time; the other tables are small.
WITH today AS (SELECT date_trunc('day', now(), 'Asia/Shanghai') AS at),
fleet AS (
    SELECT count(*) AS devices,
           count(*) FILTER (WHERE last_report_at > now() - interval '5 minutes') AS reporting
    FROM devices WHERE enabled
),
exceeded AS (
    SELECT count(*) AS windows, count(DISTINCT e.device) AS devices
    FROM evaluations e, today
    WHERE e.verdict = 'exceed' AND e.factor <> 'device' AND e.window_start >= today.at
),
recent AS (
    SELECT count(*) AS cases,
           count(*) FILTER (WHERE state IN ('acknowledged', 'on_site', 'rectified', 'closed')) AS acknowledged
    FROM cases WHERE opened_at > now() - interval '24 hours' AND state <> 'withdrawn'
),
open AS (
    SELECT count(*) AS cases, count(*) FILTER (WHERE state IN ('open', 'notified')) AS waiting
    FROM cases WHERE state NOT IN ('closed', 'withdrawn')
),
sent AS (
    SELECT count(*) AS notices,
           count(*) FILTER (WHERE state = 'delivered') AS delivered,
           count(*) FILTER (WHERE state IN ('failed', 'unknown')) AS troubled
    FROM notices, today WHERE created_at >= today.at
),
refused AS (
    SELECT count(*) FILTER (WHERE scope = 'report') AS reports, count(*) AS messages
    FROM rejected, today WHERE received_at >= today.at
)
SELECT fleet.devices, fleet.reporting,
       exceeded.windows AS exceedances, exceeded.devices AS exceeding_devices,
       open.cases AS open_cases, open.waiting AS waiting_cases,
       sent.notices, sent.delivered, sent.troubled,
       recent.cases AS recent_cases, recent.acknowledged AS acknowledged_cases,
       refused.reports AS rejected_reports, refused.messages AS rejected_messages
FROM fleet, exceeded, recent, open, sent, refused
