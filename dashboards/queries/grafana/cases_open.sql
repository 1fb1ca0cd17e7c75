-- Open cases, those nobody has acknowledged first. Keys: one_open_case, then case_events' primary key.
SELECT c.case_id AS "案件 case", s.name AS "场所 site", c.nuisance AS "类别 kind", c.state AS "状态 state",
       q.name AS "中队 squad", c.opened_at AS "立案 opened", a.at AS "签收 acknowledged", a.actor AS "签收人 by",
       c.escalation AS "督办 escalation"
FROM cases c
JOIN sites s ON s.site = c.site
LEFT JOIN squads q ON q.squad = c.squad
LEFT JOIN LATERAL (
    SELECT at, actor FROM case_events WHERE case_id = c.case_id AND kind = 'acknowledged' ORDER BY seq LIMIT 1
) a ON true
WHERE c.state NOT IN ('closed', 'withdrawn')
ORDER BY a.at IS NOT NULL, c.opened_at
LIMIT 200
