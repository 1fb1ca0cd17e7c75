-- Reports by hour: stored, refused, sent again. Key: ledger's primary key, device by device.
SELECT $__timeGroupAlias(l.hour, '1h'), sum(l.stored)::double precision AS "入库 stored",
       sum(l.rejected)::double precision AS "拒收 rejected", sum(l.duplicate)::double precision AS "重复 duplicate"
FROM ledger l
WHERE $__timeFilter(l.hour)
GROUP BY 1
ORDER BY 1
