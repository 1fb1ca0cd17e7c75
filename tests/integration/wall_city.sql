-- A small city for the walls' tests: 36 sites in four districts, six hours up to now.
-- R003 and C002 exceed now; R005 exceeded and its case is acknowledged; R009 is silent.
INSERT INTO grid_cells (code, name, level, parent, outline) VALUES
    ('320600', '江海市', 'city', NULL, NULL),
    ('320602', '崇川区', 'district', '320600', '{"type":"Polygon","coordinates":[[[120.78,31.94],[120.90,31.92],[120.97,31.97],[120.95,32.06],[120.86,32.08],[120.79,32.04],[120.78,31.94]]]}'),
    ('320614', '通州区', 'district', '320600', '{"type":"Polygon","coordinates":[[[120.97,31.97],[121.12,31.96],[121.20,32.05],[121.13,32.17],[120.99,32.16],[120.95,32.06],[120.97,31.97]]]}'),
    ('320612', '港闸区', 'district', '320600', '{"type":"Polygon","coordinates":[[[120.72,32.02],[120.79,32.04],[120.86,32.08],[120.95,32.06],[120.99,32.16],[120.86,32.19],[120.74,32.14],[120.72,32.02]]]}'),
    ('320613', '滨江区', 'district', '320600', '{"type":"Polygon","coordinates":[[[120.84,31.85],[121.00,31.82],[121.14,31.88],[121.12,31.96],[120.97,31.97],[120.90,31.92],[120.84,31.85]]]}');
INSERT INTO squads (squad, name, grid_code) VALUES
    ('s1', '崇川一中队', '320602'), ('s2', '通州中队', '320614'), ('s3', '港闸中队', '320612');
INSERT INTO accounts VALUES ('liwei', '', '李伟', 'squad', 's1');

INSERT INTO sites (site, name, kind, area, grid_code, lon, lat, address, stoves)
SELECT 'R' || lpad(i::text, 3, '0'),
       (ARRAY['濠河人家', '老街烧烤', '南山川菜馆', '江鲜楼', '小龙坎火锅', '清真面馆', '粤港茶餐厅', '东北饺子王'])[1 + i % 8]
           || (ARRAY['总店', '人民路店', '青年路店'])[1 + i % 3],
       'restaurant', code, code, lon, lat, '人民中路 ' || 10 * i || ' 号', 4
FROM (SELECT i, (ARRAY['320602', '320614', '320612', '320613'])[1 + i % 4] AS code,
             (ARRAY[120.86, 121.06, 120.83, 120.98])[1 + i % 4] + 0.055 * sin(i * 2.4) AS lon,
             (ARRAY[32.00, 32.07, 32.11, 31.90])[1 + i % 4] + 0.035 * cos(i * 3.7) AS lat
      FROM generate_series(1, 24) AS i) AS made;
INSERT INTO sites (site, name, kind, area, grid_code, lon, lat, sensitive, phase)
SELECT 'C' || lpad(i::text, 3, '0'),
       (ARRAY['通富路', '世纪大道', '滨江新城', '市一院'])[1 + i % 4]
           || (ARRAY['综合体项目', '安置房工地', '地铁站工地'])[1 + i % 3],
       'construction', code, code, lon, lat, true, '土方'
FROM (SELECT i, (ARRAY['320602', '320614', '320612', '320613'])[1 + i % 4] AS code,
             (ARRAY[120.88, 121.09, 120.86, 121.02])[1 + i % 4] + 0.05 * sin(i * 1.7) AS lon,
             (ARRAY[31.99, 32.08, 32.13, 31.91])[1 + i % 4] + 0.03 * cos(i * 2.9) AS lat
      FROM generate_series(1, 12) AS i) AS made;
INSERT INTO devices (device, site, protocol, last_report_at)
SELECT 'D-' || site, site, CASE kind WHEN 'restaurant' THEN 'mqtt' ELSE 'hj212' END,
       now() - CASE WHEN site IN ('R009', 'C007') THEN interval '50 minutes' ELSE interval '20 seconds' END
FROM sites;

CREATE TEMP TABLE made_factors (kind text, factor text, usual double precision, allowed double precision,
                                standard text, limit_id text, statistic text, unit text, clause text);
INSERT INTO made_factors VALUES
    ('restaurant', 'oil_fume', 0.6, 1.0, 'DB50/859-2018', 'fume', 'mean', 'mg/m³', '4.2'),
    ('restaurant', 'nmhc', 4.1, 10.0, 'DB50/859-2018', 'nmhc', 'mean', 'mg/m³', '4.2'),
    ('construction', 'tsp', 240, 500, 'DB32/4437-2022', 'tsp', 'mean', 'µg/m³', '4.1 表 1'),
    ('construction', 'noise', 61, 70, 'GB 12523-2025', 'day', 'energy_mean', 'dB(A)', '4.1');
INSERT INTO readings (point_id, factor, at, value, received_at)
SELECT d.point_id, f.factor, t,
       round((f.usual * (1 + 0.12 * sin(extract(epoch FROM t) / 1400 + d.point_id) + 0.06 * sin(extract(epoch FROM t) / 97))
        * CASE WHEN d.site IN ('R003', 'C002') AND t > now() - interval '70 minutes' AND f.factor IN ('oil_fume', 'noise')
               THEN CASE f.factor WHEN 'noise' THEN 1.45 ELSE 4.2 END ELSE 1 END)::numeric, 2),
       t + interval '2 seconds'
FROM devices d
JOIN sites s ON s.site = d.site
JOIN made_factors f ON f.kind = s.kind
CROSS JOIN generate_series(now() - interval '6 hours', now(), interval '1 minute') AS t
WHERE t <= d.last_report_at;
INSERT INTO reports (point_id, at, received_at) SELECT DISTINCT point_id, at, received_at FROM readings;
INSERT INTO ledger (device, hour, stored)
SELECT device, date_trunc('hour', now()) - h * interval '1 hour', CASE WHEN site IN ('R009', 'C007') THEN 10 ELSE 60 END
FROM devices, generate_series(0, 1) AS h;  -- two hours: the tests may run across a full hour

INSERT INTO evaluations (id, device, standard, limit_id, factor, window_start, window_end, statistic, value, limit_value,
                         unit, verdict, n_valid, n_expected, clause, revision, final)
SELECT gen_random_uuid(), device, standard, limit_id, factor, w, w + interval '10 minutes', statistic, value, allowed, unit,
       CASE WHEN n < 8 THEN 'invalid' WHEN value > allowed THEN 'exceed' ELSE 'pass' END,
       n, 10, clause, 1, w < now() - interval '1 hour'
FROM (SELECT d.device, f.*, date_bin('10 minutes', r.at, '2000-01-01') AS w, count(*) AS n,
             round(avg(r.value)::numeric, 3)::double precision AS value
      FROM readings r
      JOIN devices d ON d.point_id = r.point_id
      JOIN made_factors f ON f.factor = r.factor
      GROUP BY d.device, f.*, f.kind, f.factor, f.usual, f.allowed, f.standard, f.limit_id, f.statistic, f.unit, f.clause, w) AS judged
WHERE w + interval '10 minutes' <= now();

INSERT INTO cases (case_id, site, nuisance, state, squad, first_offence, occurred_at, opened_at, escalation) VALUES
    (101, 'R003', 'fume', 'notified', 's1', true, now() - interval '70 minutes', now() - interval '56 minutes', 1),
    (102, 'R005', 'fume', 'acknowledged', 's1', false, now() - interval '4 hours', now() - interval '3 hours 50 minutes', 0),
    (103, 'C002', 'noise', 'open', 's3', true, now() - interval '40 minutes', now() - interval '25 minutes', 0),
    (104, 'C005', 'dust', 'rectified', 's2', false, now() - interval '20 hours', now() - interval '19 hours', 0),
    (105, 'R012', 'fume', 'closed', 's2', true, now() - interval '22 hours', now() - interval '21 hours', 0);
INSERT INTO case_events (case_id, seq, at, kind, actor, detail, prev_hash, hash) VALUES
    (102, 1, now() - interval '3 hours 50 minutes', 'opened', 'yanchen', '{}', '', 'a'),
    (102, 2, now() - interval '3 hours 31 minutes', 'acknowledged', 'liwei', '{}', 'a', 'b'),
    (104, 1, now() - interval '18 hours', 'acknowledged', 'liwei', '{}', '', 'c');
INSERT INTO notices (notice_id, case_id, step, recipient, channel, title, body, state, created_at)
SELECT gen_random_uuid(), case_id, 0, coalesce(squad, 's1'), 'page', '告知', '', CASE case_id WHEN 103 THEN 'unknown' ELSE 'delivered' END, opened_at
FROM cases;
INSERT INTO rejected (topic, partition, log_offset, payload, origin, received_at, reason, detail, scope)
SELECT 'readings.rejected', 0, i, 'x', 'yanchen/v1/D-R001/readings', now() - i * interval '1 minute', 'malformed_json', 'not JSON',
       CASE WHEN i % 4 = 0 THEN 'reading' ELSE 'report' END
FROM generate_series(1, 9) AS i;
DROP TABLE made_factors;
