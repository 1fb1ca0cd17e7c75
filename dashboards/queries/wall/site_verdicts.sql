-- The newest verdicts at one site. Key: evaluations' primary key.
SELECT e.device, e.factor, e.window_start, e.window_end, e.value, e.limit_value, e.unit, e.verdict, e.standard, e.clause,
       e.n_valid, e.n_expected
FROM devices d
CROSS JOIN LATERAL (
    SELECT * FROM evaluations
    WHERE device = d.device AND factor <> 'device' AND window_start > now() - interval '1 day'
    ORDER BY window_start DESC, limit_id LIMIT 12
) e
WHERE d.site = %(site)s
ORDER BY e.window_start DESC, e.device, e.limit_id
LIMIT 12
