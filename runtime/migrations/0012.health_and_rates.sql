-- A device's own faults as a kind of case, and the rates of each device and local day (docs/rates.md).
-- depends: 0007.ledger

ALTER TABLE cases DROP CONSTRAINT cases_nuisance_check;
ALTER TABLE cases ADD CONSTRAINT cases_nuisance_check CHECK (nuisance IN ('fume', 'dust', 'noise', 'device'));

-- Numerators and denominators only: a rate of many devices or days is the quotient of their sums.
CREATE TABLE device_days (
    device          text NOT NULL,
    day             date NOT NULL,        -- local, Asia/Shanghai
    heard           integer NOT NULL,     -- reports stored of that day
    expected        integer NOT NULL,     -- reports due in the hours in which the device must report
    reported        integer NOT NULL,     -- reports stored in these hours, at most as many as are due
    windows         integer NOT NULL,     -- valid windows: pass or exceed, without device health
    exceeding       integer NOT NULL,
    fan_minutes     integer NOT NULL,     -- minutes in which the fan runs and the purifier is known
    purified_minutes integer NOT NULL,    -- of these, with the purifier running
    fan_starts      integer NOT NULL,     -- starts of the fan with the purifier known afterwards
    linked_starts   integer NOT NULL,     -- of these, with the purifier running soon
    stored          bigint NOT NULL,      -- reports the ledger had, an hour before to an hour after the day
    computed_at     timestamptz NOT NULL,
    PRIMARY KEY (device, day)
);
CREATE INDEX device_days_day ON device_days (day);
