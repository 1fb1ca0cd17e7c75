-- Share of the cases opened in the chosen time that somebody acknowledged; null when there are none.
SELECT count(*) FILTER (WHERE state IN ('acknowledged', 'on_site', 'rectified', 'closed'))::double precision
       / nullif(count(*), 0) AS "签收率 acknowledged"
FROM cases WHERE $__timeFilter(opened_at) AND state <> 'withdrawn'
