-- Open cases, and those nobody has acknowledged. Key: one_open_case.
SELECT count(*) AS "在办 open", count(*) FILTER (WHERE state IN ('open', 'notified')) AS "待签收 waiting"
FROM cases WHERE state NOT IN ('closed', 'withdrawn')
