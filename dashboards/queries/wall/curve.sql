-- Readings of one factor at one point, the last six hours, valid ones only. Key: readings' primary key.
SELECT (extract(epoch FROM at) * 1000)::bigint AS at, value
FROM readings
WHERE point_id = %(point_id)s AND factor = %(factor)s AND at > now() - interval '6 hours' AND flag = 'N'
ORDER BY at
