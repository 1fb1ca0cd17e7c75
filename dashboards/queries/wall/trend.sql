-- Exceeding windows of the last 24 hours, by hour and factor. Key: evaluations_exceed.
SELECT date_trunc('hour', e.window_start) AS hour, e.factor, count(*) AS windows
FROM evaluations e
WHERE e.verdict = 'exceed' AND e.factor <> 'device' AND e.window_start >= date_trunc('hour', now()) - interval '23 hours'
GROUP BY 1, 2
ORDER BY 1, 2
