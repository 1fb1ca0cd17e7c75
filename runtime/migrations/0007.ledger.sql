-- The account of every report: what the counters of the devices say is missing (docs/ledger.md).
-- depends: 0006.accounts_and_replay

-- One row for each place where reports are missing between two stored ones. Kept, because finding them
-- reads every report; ``account_hours`` brings them up to date for the hours whose count has changed.
CREATE TABLE gaps (
    gap_id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    point_id     integer NOT NULL,
    hour         timestamptz NOT NULL,  -- of the report after the gap
    before_at    timestamptz NOT NULL,  -- measuring times of the reports on both sides
    after_at     timestamptz NOT NULL,
    before_heard timestamptz NOT NULL,  -- when they were received, or would have been if not late
    after_heard  timestamptz NOT NULL,
    before_seq   bigint,                -- null: the device does not count, the width is estimated
    after_seq    bigint,
    interval_s   integer NOT NULL,      -- reporting interval at the time of counting
    width        bigint NOT NULL        -- reports missing in between
);
CREATE INDEX gaps_hour ON gaps (point_id, hour);
CREATE INDEX gaps_after ON gaps (after_at);

-- Hours whose gaps have been looked for, with the count of reports they held then.
CREATE TABLE accounted (
    device    text NOT NULL,
    hour      timestamptz NOT NULL,
    stored    bigint NOT NULL,
    late      bigint NOT NULL,
    estimated boolean NOT NULL,  -- at least one of its reports has no number
    PRIMARY KEY (device, hour)
);

-- Later than this a report counts as late; a backlog is.
CREATE FUNCTION late_after() RETURNS interval LANGUAGE sql IMMUTABLE
RETURN interval '10 minutes';

-- Numbers missing between two reports that follow each other in measuring time. A step that the device
-- cannot have made by reporting, forwards or backwards, is a restart of its counter and hides nothing.
CREATE FUNCTION numbers_between(before bigint, after bigint, elapsed interval, interval_s integer)
RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(min(step) - 1, 0)
    FROM (
        SELECT after - before AS step
        UNION ALL
        SELECT width - before + after  -- the counter of 15, 16, 31 or 32 bits has begun again at 0
        FROM unnest('{32768, 65536, 2147483648, 4294967296}'::bigint[]) AS width
        WHERE after < before AND before < width
    ) AS steps
    WHERE step > 0 AND step <= 100 + 10 * extract(epoch FROM elapsed) / interval_s
$$;

-- Look for gaps in the newest hours whose count has changed, at most so many; returns how many there were.
CREATE FUNCTION account_hours(most integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    done integer;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('account_hours'));
    WITH changed AS MATERIALIZED (
        SELECT d.point_id, l.device, l.hour, l.stored
        FROM ledger l JOIN devices d USING (device) LEFT JOIN accounted a USING (device, hour)
        WHERE l.stored > 0 AND a.stored IS DISTINCT FROM l.stored
        ORDER BY l.hour DESC, l.device LIMIT most
    ), noted AS (
        INSERT INTO accounted AS kept (device, hour, stored, late, estimated)
        SELECT c.device, c.hour, c.stored, r.late, r.estimated
        FROM changed c, LATERAL (
            SELECT count(*) FILTER (WHERE received_at - at > late_after()) AS late,
                   coalesce(bool_or(seq IS NULL), false) AS estimated
            FROM reports
            WHERE point_id = c.point_id AND at >= c.hour AND at < c.hour + interval '1 hour'
        ) AS r
        ON CONFLICT (device, hour) DO UPDATE
        SET stored = excluded.stored, late = excluded.late, estimated = excluded.estimated
        RETURNING 1
    ), hours AS MATERIALIZED (  -- the first report of the next hour looks back over the changed one
        SELECT point_id, hour FROM changed
        UNION
        SELECT c.point_id, date_trunc('hour', n.at)
        FROM changed c, LATERAL (
            SELECT at FROM reports
            WHERE point_id = c.point_id AND at >= c.hour + interval '1 hour' ORDER BY at LIMIT 1
        ) AS n
    ), gone AS (
        DELETE FROM gaps USING hours h WHERE (gaps.point_id, gaps.hour) = (h.point_id, h.hour)
    ), found AS (
        INSERT INTO gaps (point_id, hour, before_at, after_at, before_heard, after_heard,
                          before_seq, after_seq, interval_s, width)
        SELECT p.*, s.width
        FROM (
            SELECT h.point_id, h.hour,
                   lag(r.at) OVER ordered AS before_at, r.at AS after_at,
                   lag(r.heard) OVER ordered AS before_heard, r.heard AS after_heard,
                   lag(r.seq) OVER ordered AS before_seq, r.seq AS after_seq,
                   d.interval_s
            FROM hours h JOIN devices d USING (point_id), LATERAL (
                (SELECT at, seq, CASE WHEN received_at - at > late_after() THEN at ELSE received_at END AS heard
                 FROM reports WHERE point_id = h.point_id AND at < h.hour ORDER BY at DESC LIMIT 1)
                UNION ALL
                SELECT at, seq, CASE WHEN received_at - at > late_after() THEN at ELSE received_at END
                FROM reports
                WHERE point_id = h.point_id AND at >= h.hour AND at < h.hour + interval '1 hour'
            ) AS r
            WINDOW ordered AS (PARTITION BY h.point_id, h.hour ORDER BY r.at)
        ) AS p, LATERAL (
            SELECT CASE WHEN before_seq IS NULL OR after_seq IS NULL
                        THEN round(extract(epoch FROM after_at - before_at) / interval_s) - 1
                        -- a number that follows its neighbour needs no further look
                        WHEN after_seq = before_seq + 1 THEN 0
                        ELSE numbers_between(before_seq, after_seq, after_at - before_at, interval_s)
                   END AS width
        ) AS s
        WHERE s.width > 0
    )
    SELECT count(*) INTO done FROM noted;
    RETURN done;
END
$$;

-- Refused reports of known devices, each with the time when it was received. One that went through again
-- is accounted for by what became of it then.
CREATE VIEW refused_reports AS
SELECT device, received_at, payload
FROM rejected WHERE scope = 'report' AND device IS NOT NULL AND replayed_at IS NULL;
CREATE INDEX rejected_replayed ON rejected (received_at) WHERE replayed_at IS NOT NULL;

-- When a refused message was measured, if its bytes tell a time that can be true, else when it came.
CREATE FUNCTION measured_or_received(bytes text, received_at timestamptz)
RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT coalesce(max(at) FILTER (WHERE at BETWEEN received_at - interval '31 days'
                                                 AND received_at + late_after()), received_at)
    FROM substring(bytes from '"at"\s*:\s*"?([0-9][0-9T:.+Z -]{9,34})') AS told, LATERAL (
        SELECT CASE WHEN told ~ '^[0-9]{12,14}$' THEN to_timestamp(told::bigint / 1000.0)
                    WHEN pg_input_is_valid(told, 'timestamptz') THEN told::timestamptz END AS at
    ) AS read
$$;

-- Gaps that end at this time or later, with what refusals explain of them. A number that stands in the
-- bytes of a refused message is not missing; a refused message without a number explains one report of
-- the gap during which it was received.
CREATE FUNCTION explained_gaps(since timestamptz, only_device text DEFAULT NULL)
RETURNS TABLE (gap_id bigint, device text, hour timestamptz, before_at timestamptz, after_at timestamptz,
               interval_s integer, width bigint, estimated boolean, explained timestamptz[])
LANGUAGE sql STABLE AS $$
    WITH found AS MATERIALIZED (
        SELECT g.*, d.device, g.before_seq IS NULL OR g.after_seq IS NULL AS estimated
        FROM gaps g JOIN devices d USING (point_id)
        WHERE g.after_at >= since AND (only_device IS NULL OR d.device = only_device)
    ), letters AS MATERIALIZED (
        SELECT row_number() OVER () AS letter, r.device, r.received_at,
               measured_or_received(bytes, r.received_at) AS at,
               ARRAY(SELECT m[1]::bigint FROM regexp_matches(bytes, '"seq"\s*:\s*(-?\d{1,16})(?!\d)', 'g') AS m)
                   AS numbers
        FROM refused_reports r, encode(r.payload, 'escape') AS bytes
        WHERE r.received_at >= (SELECT min(before_heard) FROM found)
          AND r.device IN (SELECT found.device FROM found)
    ), by_number AS (  -- counters begin again: of several gaps with this number the nearest in time
        SELECT DISTINCT ON (l.letter, n.number) f.gap_id, n.number, l.received_at
        FROM letters l CROSS JOIN unnest(l.numbers) AS n(number)
        JOIN found f ON f.device = l.device AND NOT f.estimated
         AND CASE WHEN f.before_seq < f.after_seq THEN n.number > f.before_seq AND n.number < f.after_seq
                  ELSE n.number > f.before_seq OR n.number < f.after_seq END
         -- a list tells the time of its first report only
         AND l.at BETWEEN f.before_at - interval '1 day' AND f.after_at + late_after()
        ORDER BY l.letter, n.number, greatest(f.before_at - l.at, l.at - f.after_at, interval '0')
    ), by_time AS (
        SELECT DISTINCT ON (l.letter) f.gap_id, l.received_at
        FROM letters l JOIN found f ON f.device = l.device
         AND l.received_at > f.before_heard AND l.received_at <= f.after_heard
        WHERE f.estimated OR l.numbers = '{}'
        ORDER BY l.letter, f.after_heard
    ), explained AS (
        SELECT gap_id, min(received_at) AS received_at FROM by_number GROUP BY gap_id, number
        UNION ALL
        SELECT gap_id, received_at FROM by_time
    )
    SELECT f.gap_id, f.device, f.hour, f.before_at, f.after_at, f.interval_s, f.width, f.estimated,
           coalesce(e.times, '{}')
    FROM found f
    LEFT JOIN (SELECT gap_id, array_agg(received_at) AS times FROM explained GROUP BY gap_id) AS e
        USING (gap_id)
$$;

-- How many of a gap's expected instants, before_at + k × interval with k = 1 … width, lie before a time.
CREATE FUNCTION expected_before(at timestamptz, before_at timestamptz, interval_s integer, width bigint)
RETURNS bigint LANGUAGE sql IMMUTABLE
RETURN greatest(0, least(width, ceil(extract(epoch FROM at - before_at) / interval_s)::bigint - 1));

-- The account by device and hour, in reports: published = stored + rejected + duplicate + missing.
-- Only as true as the last call of account_hours.
CREATE FUNCTION ledger_hours(since timestamptz, until timestamptz, only_device text DEFAULT NULL)
RETURNS TABLE (device text, hour timestamptz, published bigint, stored bigint, rejected bigint,
               duplicate bigint, missing bigint, late bigint, estimated boolean)
LANGUAGE sql STABLE AS $$
    WITH counted AS MATERIALIZED (
        SELECT * FROM explained_gaps(date_trunc('hour', since), only_device)
    ), missed AS (
        SELECT c.device, c.hour, greatest(0, c.width - cardinality(c.explained)) AS missing, false AS estimated
        FROM counted c WHERE NOT c.estimated
        UNION ALL  -- what is expected by the clock is missing in the hour in which it was expected
        SELECT c.device, h.hour,
               greatest(0, expected_before(h.hour + interval '1 hour', c.before_at, c.interval_s, c.width)
                           - expected_before(h.hour, c.before_at, c.interval_s, c.width)
                           - (SELECT count(*) FROM unnest(c.explained) AS e(at)
                              WHERE date_trunc('hour', e.at) = h.hour)),
               true
        FROM counted c, generate_series(
            greatest(date_trunc('hour', c.before_at), date_trunc('hour', since)),
            least(c.after_at, until), interval '1 hour') AS h(hour)
        WHERE c.estimated
    ), by_hour AS (
        SELECT m.device, m.hour, sum(m.missing)::bigint AS missing, bool_or(m.estimated) AS estimated
        FROM missed m WHERE m.missing > 0 GROUP BY m.device, m.hour
    ), replayed AS (
        SELECT coalesce(r.device, '') AS device, date_trunc('hour', r.received_at) AS hour, count(*) AS reports
        FROM rejected r
        WHERE r.received_at >= date_trunc('hour', since) AND r.replayed_at IS NOT NULL AND r.scope = 'report'
        GROUP BY 1, 2
    ), kept AS (
        SELECT device, hour, l.stored, l.rejected - coalesce(r.reports, 0) AS rejected, l.duplicate,
               a.late, a.estimated
        FROM ledger l LEFT JOIN accounted a USING (device, hour) LEFT JOIN replayed r USING (device, hour)
        WHERE l.hour >= date_trunc('hour', since) AND (only_device IS NULL OR l.device = only_device)
    )
    SELECT device, hour,
           coalesce(k.stored, 0) + coalesce(k.rejected, 0) + coalesce(k.duplicate, 0) + coalesce(b.missing, 0),
           coalesce(k.stored, 0), coalesce(k.rejected, 0), coalesce(k.duplicate, 0), coalesce(b.missing, 0),
           coalesce(k.late, 0), coalesce(k.estimated, false) OR coalesce(b.estimated, false)
    FROM kept k FULL JOIN by_hour b USING (device, hour)
    WHERE hour < until
$$;
