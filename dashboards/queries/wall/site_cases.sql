-- The cases of one site, newest first.
SELECT c.case_id, c.nuisance, c.state, c.opened_at, c.closed_at, q.name AS squad
FROM cases c
LEFT JOIN squads q ON q.squad = c.squad
WHERE c.site = %(site)s
ORDER BY c.opened_at DESC
LIMIT 5
