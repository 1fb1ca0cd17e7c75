-- The limits most exceeded in the last six hours, one a site: what the chart shows in turn.
-- Key: evaluations_exceed.
SELECT * FROM (
    SELECT DISTINCT ON (d.site)
           d.site, s.name, s.kind, e.device, d.point_id, e.standard, e.limit_id, e.factor, e.unit,
           e.limit_value, e.statistic, e.value / nullif(e.limit_value, 0) AS ratio
    FROM evaluations e
    JOIN devices d ON d.device = e.device
    JOIN sites s ON s.site = d.site
    WHERE e.verdict = 'exceed' AND e.factor <> 'device' AND e.window_start > now() - interval '6 hours'
    ORDER BY d.site, ratio DESC NULLS LAST
) worst
ORDER BY ratio DESC NULLS LAST, site
LIMIT 4
