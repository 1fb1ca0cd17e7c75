-- Open cases: those nobody has acknowledged first, then by escalation, then the oldest first.
-- Keys: one_open_case (partial), then case_events' primary key.
SELECT c.case_id, c.site, s.name, s.kind, c.nuisance, c.state, c.first_offence, c.occurred_at, c.opened_at,
       c.escalation, q.name AS squad, a.at AS acknowledged_at, coalesce(p.name, a.actor) AS acknowledged_by
FROM cases c
JOIN sites s ON s.site = c.site
LEFT JOIN squads q ON q.squad = c.squad
LEFT JOIN LATERAL (
    SELECT at, actor FROM case_events
    WHERE case_id = c.case_id AND kind = 'acknowledged'
    ORDER BY seq LIMIT 1
) a ON true
LEFT JOIN accounts p ON p.username = a.actor
WHERE c.state NOT IN ('closed', 'withdrawn')
ORDER BY a.at IS NOT NULL, c.escalation DESC, c.opened_at, c.case_id
LIMIT 60
