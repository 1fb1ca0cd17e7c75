-- Notices made in the chosen time, by what became of them.
SELECT count(*) FILTER (WHERE state = 'delivered') AS "送达 delivered",
       count(*) FILTER (WHERE state IN ('failed', 'unknown')) AS "未达或不明 failed or unknown"
FROM notices WHERE $__timeFilter(created_at)
