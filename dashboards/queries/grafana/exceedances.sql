-- Exceeding windows in the chosen time. Key: evaluations_exceed.
SELECT count(*) AS "超标 exceedances" FROM evaluations
WHERE verdict = 'exceed' AND factor <> 'device' AND $__timeFilter(window_start)
