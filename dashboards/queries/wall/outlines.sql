-- Outlines for the map: of the finest level above the grid cells that has any.
SELECT g.code, g.name, g.level, g.outline
FROM grid_cells g
WHERE g.outline IS NOT NULL
  AND g.level = (
      SELECT level FROM grid_cells
      WHERE outline IS NOT NULL
      ORDER BY array_position(ARRAY['district', 'subdistrict', 'city', 'grid'], level)
      LIMIT 1
  )
ORDER BY g.code
