-- Factors judged at the chosen site in the chosen time. Key: evaluations' primary key.
SELECT DISTINCT e.factor
FROM devices d
JOIN evaluations e ON e.device = d.device
WHERE d.site = ${site:sqlstring} AND e.factor <> 'device' AND $__timeFilter(e.window_start)
ORDER BY 1
