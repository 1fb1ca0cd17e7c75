-- The city's calendar, windows to judge again after they were final, and what that changed.
-- depends: 0007.ledger

CREATE TABLE calendar (
    entry_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind      text NOT NULL CHECK (kind IN ('exam', 'permit', 'festival')),
    area      text NOT NULL DEFAULT '',    -- administrative code or a prefix of one
    site      text NOT NULL DEFAULT '',    -- one site; empty: every site of the area
    first_day date NOT NULL,
    last_day  date NOT NULL,               -- included
    begins    text NOT NULL,               -- of each day, local: 22:00
    ends      text NOT NULL,               -- 24:00 is midnight; at or before begins: on the next day
    title     text NOT NULL,
    document  text NOT NULL DEFAULT '',    -- number of the permit or notice
    UNIQUE (kind, area, site, first_day, begins, ends),
    CHECK (first_day <= last_day)
);

-- Every window of the factor that overlaps [since, until) is judged again. A row is deleted in the
-- transaction that has published what came of it, so a crash loses none.
CREATE TABLE corrections_due (
    due_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    reason     text NOT NULL CHECK (reason IN ('late', 'context', 'calendar')),
    device     text NOT NULL DEFAULT '',   -- empty: every device of the site or area
    site       text NOT NULL DEFAULT '',
    area       text NOT NULL DEFAULT '',
    factor     text NOT NULL DEFAULT '',   -- empty: every factor
    series     text NOT NULL DEFAULT '',   -- only factors whose limits need this series; empty: every factor
    since      timestamptz NOT NULL,
    until      timestamptz NOT NULL,
    asked_at   timestamptz NOT NULL DEFAULT now(),
    not_before timestamptz NOT NULL DEFAULT now()  -- later than asked where a window was still open
);

-- Final verdicts that were replaced, with what they had said.
CREATE TABLE corrections (
    evaluation_id  uuid NOT NULL,
    revision       integer NOT NULL,
    device         text NOT NULL,
    standard       text NOT NULL,
    limit_id       text NOT NULL,
    window_start   timestamptz NOT NULL,
    reasons        text[] NOT NULL,
    verdict_before text,                   -- null: the window had not been judged
    value_before   double precision,
    verdict        text NOT NULL,
    value          double precision,
    corrected_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (evaluation_id, revision)
);
CREATE INDEX corrections_device ON corrections (device, window_start);
