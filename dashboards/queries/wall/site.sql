-- One site, for its panel.
SELECT s.site, s.name, s.kind, s.address, s.sensitive, s.phase, s.stoves, g.name AS grid
FROM sites s
JOIN grid_cells g ON g.code = s.grid_code
WHERE s.site = %(site)s
