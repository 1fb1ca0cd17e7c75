-- Judged values of one site and factor beside the limit that held. Key: evaluations' primary key.
SELECT e.window_end AS time, e.value AS "评价值 judged value", e.limit_value AS "限值 limit"
FROM devices d
JOIN evaluations e ON e.device = d.device
WHERE d.site = ${site:sqlstring} AND e.factor = ${factor:sqlstring} AND $__timeFilter(e.window_start)
ORDER BY 1
