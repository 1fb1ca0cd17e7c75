-- Sites to choose from.
SELECT name AS __text, site AS __value FROM sites ORDER BY name
