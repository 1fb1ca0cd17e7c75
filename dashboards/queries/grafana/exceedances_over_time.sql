-- Exceeding windows by kind of nuisance. Key: evaluations_exceed.
SELECT $__timeGroupAlias(window_start, $__interval),
       CASE WHEN factor IN ('oil_fume', 'fume_pm', 'nmhc') THEN '油烟 fumes'
            WHEN factor IN ('tsp', 'pm10', 'pm25') THEN '扬尘 dust'
            ELSE '噪声 noise' END AS metric,
       count(*) AS windows
FROM evaluations
WHERE verdict = 'exceed' AND factor <> 'device' AND $__timeFilter(window_start)
GROUP BY 1, 2
ORDER BY 1
