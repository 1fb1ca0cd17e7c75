-- Devices with a report in the last five minutes, and all of them.
SELECT count(*) FILTER (WHERE last_report_at > now() - interval '5 minutes') AS "在线 reporting",
       count(*) AS "全部 all"
FROM devices WHERE enabled
