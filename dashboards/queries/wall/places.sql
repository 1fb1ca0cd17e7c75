-- Sites and where they are: changes only with the register.
SELECT s.site, s.name, s.kind, s.lon, s.lat, s.address, g.name AS grid
FROM sites s
JOIN grid_cells g ON g.code = s.grid_code
ORDER BY s.site
