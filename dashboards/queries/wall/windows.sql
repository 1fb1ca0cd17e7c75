-- The judged windows of one limit at one device, the last six hours. Key: evaluations' primary key.
SELECT (extract(epoch FROM window_end) * 1000)::bigint AS at, value, limit_value, verdict
FROM evaluations
WHERE device = %(device)s AND standard = %(standard)s AND limit_id = %(limit_id)s
  AND window_start > now() - interval '6 hours'
ORDER BY window_start
