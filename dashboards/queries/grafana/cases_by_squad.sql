-- Cases opened in the chosen time, by squad.
SELECT coalesce(q.name, '无中队 none') AS "中队 squad", count(*) AS "案件 cases",
       count(*) FILTER (WHERE c.state IN ('acknowledged', 'on_site', 'rectified', 'closed')) AS "签收 acknowledged",
       count(*) FILTER (WHERE c.state = 'closed') AS "结案 closed"
FROM cases c
LEFT JOIN squads q ON q.squad = c.squad
WHERE $__timeFilter(c.opened_at) AND c.state <> 'withdrawn'
GROUP BY 1
ORDER BY 2 DESC, 1
