-- Devices that should report and do not, the longest silent first.
SELECT d.device AS "设备 device", s.name AS "场所 site", d.protocol AS "协议 protocol", d.last_report_at AS "最新报文 newest report"
FROM devices d
JOIN sites s ON s.site = d.site
WHERE d.enabled
  AND (d.last_report_at IS NULL
       OR d.last_report_at < now() - greatest(interval '5 minutes', 3 * d.interval_s * interval '1 second'))
ORDER BY d.last_report_at NULLS FIRST, d.device
LIMIT 200
