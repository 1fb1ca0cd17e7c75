-- The newest exceeding windows in the chosen time. Key: evaluations_exceed, read backwards.
SELECT e.window_end AS "时间 time", s.name AS "场所 site", e.factor AS "因子 factor", e.value AS "数值 value",
       e.limit_value AS "限值 limit", e.unit AS "单位 unit", e.standard AS "标准 standard", e.final AS "定案 final"
FROM evaluations e
JOIN devices d ON d.device = e.device
JOIN sites s ON s.site = d.site
WHERE e.verdict = 'exceed' AND e.factor <> 'device' AND $__timeFilter(e.window_start)
ORDER BY e.window_start DESC, e.device, e.limit_id
LIMIT 100
