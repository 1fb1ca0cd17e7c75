-- What people do about it: episodes, cases, their event chain, notices.
-- depends: 0002.readings

CREATE SEQUENCE case_numbers;

CREATE TABLE cases (
    case_id     bigint PRIMARY KEY DEFAULT nextval('case_numbers'),
    site        text NOT NULL REFERENCES sites,
    nuisance    text NOT NULL CHECK (nuisance IN ('fume', 'dust', 'noise')),
    state       text NOT NULL,
    squad       text REFERENCES squads,       -- null: nobody owns the cell
    first_offence boolean NOT NULL,
    occurred_at timestamptz NOT NULL,         -- start of the first exceeding window
    opened_at   timestamptz NOT NULL DEFAULT now(),
    closed_at   timestamptz,
    escalation  integer NOT NULL DEFAULT 0    -- steps of the ladder taken
);
-- One open case for each site and kind of nuisance (design §6).
CREATE UNIQUE INDEX one_open_case ON cases (site, nuisance) WHERE state NOT IN ('closed', 'withdrawn');
CREATE INDEX cases_squad ON cases (squad, state);

CREATE TABLE episodes (
    episode_id uuid PRIMARY KEY,
    device     text NOT NULL REFERENCES devices,
    standard   text NOT NULL,
    limit_id   text NOT NULL,
    factor     text NOT NULL,
    state      text NOT NULL CHECK (state IN ('open', 'cleared', 'withdrawn')),
    started_at timestamptz NOT NULL,          -- start of its first exceeding window
    ended_at   timestamptz NOT NULL,          -- end of its last exceeding window so far
    n_exceed   integer NOT NULL,
    peak       double precision,
    limit_value double precision NOT NULL,
    unit       text NOT NULL,
    case_id    bigint REFERENCES cases
);
CREATE INDEX episodes_limit ON episodes (device, standard, limit_id, started_at);
CREATE INDEX episodes_case ON episodes (case_id);
CREATE INDEX episodes_recent ON episodes (device, ended_at);

-- Every change of a case, chained: hash = sha256(prev_hash ‖ canonical JSON of the row).
CREATE TABLE case_events (
    case_id   bigint NOT NULL REFERENCES cases,
    seq       integer NOT NULL,
    at        timestamptz NOT NULL,
    kind      text NOT NULL,
    actor     text NOT NULL,                  -- account, or 'yanchen' for the engine
    detail    jsonb NOT NULL,
    prev_hash text NOT NULL,
    hash      text NOT NULL,
    PRIMARY KEY (case_id, seq)
);

CREATE TABLE notices (
    notice_id    uuid PRIMARY KEY,            -- also the idempotency key given to the channel
    case_id      bigint NOT NULL REFERENCES cases,
    step         integer NOT NULL,
    recipient    text NOT NULL,               -- squad
    channel      text NOT NULL,               -- page, webhook
    title        text NOT NULL,
    body         text NOT NULL,
    state        text NOT NULL CHECK (state IN ('pending', 'sending', 'delivered', 'failed', 'unknown', 'cancelled')),
    attempts     integer NOT NULL DEFAULT 0,
    detail       text NOT NULL DEFAULT '',    -- what the channel said last
    created_at   timestamptz NOT NULL DEFAULT now(),
    delivered_at timestamptz,
    read_at      timestamptz,
    UNIQUE (case_id, step, recipient, channel)
);
CREATE INDEX notices_recipient ON notices (recipient, created_at);
