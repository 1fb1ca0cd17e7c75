-- Which checksum rules of HJ 212 a device may use, and how often it was asked for what is missing.
-- depends: 0007.ledger

ALTER TABLE devices ADD COLUMN crc_rules text[] CHECK (crc_rules <> '{}');  -- null: any known rule

-- Make-up requests (补传) for stretches that are still missing (ingest/make_up.py): a restart of ingest
-- must not begin to count anew.
CREATE TABLE make_up_asked (
    device   text NOT NULL,
    start_at timestamptz NOT NULL,  -- of the stretch, both ends included
    end_at   timestamptz NOT NULL,
    times    integer NOT NULL,
    last_at  timestamptz NOT NULL,
    PRIMARY KEY (device, start_at, end_at)
);
