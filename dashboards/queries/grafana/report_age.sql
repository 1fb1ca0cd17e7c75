-- Seconds since the newest stored report was measured; null when there is none.
SELECT extract(epoch FROM now() - max(last_report_at))::double precision AS "最新报文 newest report" FROM devices
