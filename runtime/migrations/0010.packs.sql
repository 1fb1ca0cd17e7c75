-- What limits ask of a site beyond its size and phase, and how often they were exceeded (docs/packs.md).
-- depends: 0009.devices_asked

ALTER TABLE sites ADD COLUMN noise_class text  -- 声环境功能区 (GB 3096-2008)
    CHECK (noise_class IN ('0', '1', '2', '3', '4a', '4b'));

-- Exceeding windows of each site and limit by local day, month and year, like domain/exceedance_count.py.
-- What a standard allows a day is not taken off here: the packs know that, the database does not.
CREATE VIEW exceedance_counts AS
SELECT d.site, e.standard, e.limit_id, e.factor, p.period,
       date_trunc(p.period, e.window_start AT TIME ZONE 'Asia/Shanghai')::date AS starts,
       count(*) AS n_exceed
FROM evaluations e JOIN devices d USING (device)
     CROSS JOIN unnest('{day,month,year}'::text[]) AS p (period)
WHERE e.verdict = 'exceed'
GROUP BY d.site, e.standard, e.limit_id, e.factor, p.period, starts;
