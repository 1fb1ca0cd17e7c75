-- The newest reading of each factor at each device of a site. Key: readings' primary key, read backwards.
SELECT d.device, f.factor, r.at, r.value, r.flag::text AS flag
FROM devices d
CROSS JOIN unnest(%(factors)s::text[]) WITH ORDINALITY AS f (factor, place)
CROSS JOIN LATERAL (
    SELECT at, value, flag FROM readings
    WHERE point_id = d.point_id AND factor = f.factor AND at > now() - interval '7 days'
    ORDER BY at DESC LIMIT 1
) r
WHERE d.site = %(site)s
ORDER BY d.device, f.place
