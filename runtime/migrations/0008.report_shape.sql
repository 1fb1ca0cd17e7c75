-- Which factors a stored report has, as a number: the same report once more is known by it
-- without a look at its readings. Null in rows that are older than this column.
-- depends: 0007.ledger

ALTER TABLE reports ADD COLUMN shape bigint;

-- Each batch changes the rows of its devices: with room in the page the indexes need no new entry.
ALTER TABLE devices SET (fillfactor = 50);
ALTER TABLE ledger SET (fillfactor = 50);
