-- The newest exceeding windows. Key: evaluations_exceed, read backwards.
SELECT e.id::text AS id, e.device, d.site, s.name, s.kind, e.factor, e.window_start, e.window_end, e.value,
       e.limit_value, e.unit, e.standard, e.limit_id, e.clause, e.revision, e.final
FROM evaluations e
JOIN devices d ON d.device = e.device
JOIN sites s ON s.site = d.site
WHERE e.verdict = 'exceed' AND e.factor <> 'device' AND e.window_start > now() - interval '49 hours'
ORDER BY e.window_start DESC, e.device, e.limit_id
LIMIT 40
