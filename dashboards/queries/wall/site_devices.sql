-- The devices of one site.
SELECT device, protocol, model, enabled, online, last_report_at
FROM devices WHERE site = %(site)s ORDER BY device
