-- What was measured, what was refused, and the counts that reconcile both.
-- depends: 0001.register

CREATE TABLE readings (
    point_id    integer NOT NULL,
    factor      text COLLATE "C" NOT NULL,
    at          timestamptz NOT NULL,
    value       double precision NOT NULL,
    flag        "char" NOT NULL DEFAULT 'N',
    received_at timestamptz NOT NULL,
    PRIMARY KEY (point_id, factor, at)
);

CREATE TABLE reports (
    point_id    integer NOT NULL,
    at          timestamptz NOT NULL,
    seq         bigint,
    received_at timestamptz NOT NULL,
    stored_at   timestamptz NOT NULL DEFAULT now(),
    source      text,
    raw         jsonb,  -- code → text as sent, where decoding changed names or units
    PRIMARY KEY (point_id, at)
);

-- A report that came again: kept as a count, its bytes are those of the first.
CREATE TABLE ledger (
    device    text NOT NULL,
    hour      timestamptz NOT NULL,  -- of the measuring time; of receipt for refused reports
    stored    bigint NOT NULL DEFAULT 0,
    duplicate bigint NOT NULL DEFAULT 0,
    rejected  bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (device, hour)
);

CREATE TABLE rejected (
    topic       text NOT NULL,  -- where its bytes lie in the log
    partition   integer NOT NULL,
    log_offset  bigint NOT NULL,
    payload     bytea NOT NULL,
    origin      text NOT NULL,
    received_at timestamptz NOT NULL,
    reason      text NOT NULL,
    detail      text NOT NULL,
    device      text,
    scope       text NOT NULL CHECK (scope IN ('report', 'reading')),
    factors     text[] NOT NULL DEFAULT '{}',
    source      text,
    PRIMARY KEY (topic, partition, log_offset)
);
CREATE INDEX rejected_received_at ON rejected (received_at);

-- How far each consumer has read, written in the same transaction as its effects:
-- a record is counted once whatever crashes between the commit and the broker.
CREATE TABLE stream_offsets (
    consumer    text NOT NULL,
    topic       text NOT NULL,
    partition   integer NOT NULL,
    next_offset bigint NOT NULL,
    watermark   timestamptz,  -- event time reached there, where the consumer keeps one
    PRIMARY KEY (consumer, topic, partition)
);

CREATE TABLE context (
    series  text NOT NULL,
    area    text NOT NULL,
    at      timestamptz NOT NULL,
    value   double precision NOT NULL,
    "primary" text[],  -- primary pollutants of the AQI; null where unknown
    stored_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (series, area, at)
);

CREATE TABLE evaluations (
    id           uuid NOT NULL,  -- of (standard, limit, device, window): the same for every revision
    device       text NOT NULL,
    standard     text NOT NULL,
    limit_id     text NOT NULL,
    factor       text NOT NULL,
    window_start timestamptz NOT NULL,
    window_end   timestamptz NOT NULL,
    statistic    text NOT NULL,
    value        double precision,
    limit_value  double precision NOT NULL,
    unit         text NOT NULL,
    verdict      text NOT NULL CHECK (verdict IN ('pass', 'exceed', 'invalid', 'indeterminate')),
    n_valid      integer NOT NULL,
    n_expected   integer NOT NULL,
    adjustments  jsonb NOT NULL DEFAULT '[]',
    clause       text NOT NULL,
    revision     integer NOT NULL,
    final        boolean NOT NULL,
    stored_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (device, standard, limit_id, window_start)
);
-- The wall asks once a moment what is newest; rows are appended nearly in this order.
CREATE INDEX evaluations_stored ON evaluations USING brin (stored_at) WITH (pages_per_range = 32);
CREATE INDEX evaluations_exceed ON evaluations (window_start) WHERE verdict = 'exceed';
