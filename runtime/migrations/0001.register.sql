-- Places, devices, people: what a city imports (domain/register.py).
-- depends:

CREATE TABLE grid_cells (
    code    text PRIMARY KEY,
    name    text NOT NULL,
    level   text NOT NULL CHECK (level IN ('city', 'district', 'subdistrict', 'grid')),
    parent  text REFERENCES grid_cells,
    outline jsonb  -- GeoJSON geometry, where the operator brought one
);

CREATE TABLE squads (
    squad       text PRIMARY KEY,
    name        text NOT NULL,
    grid_code   text NOT NULL REFERENCES grid_cells,
    webhook_url text,
    on_duty     boolean NOT NULL DEFAULT true
);

CREATE TABLE sites (
    site      text PRIMARY KEY,
    name      text NOT NULL,
    kind      text NOT NULL CHECK (kind IN ('restaurant', 'construction')),
    area      text NOT NULL CHECK (area ~ '^[0-9]{6}$'),
    grid_code text NOT NULL REFERENCES grid_cells,
    lon       double precision NOT NULL,
    lat       double precision NOT NULL,
    address   text NOT NULL DEFAULT '',
    sensitive boolean NOT NULL DEFAULT false,
    stoves    double precision,
    phase     text
);

CREATE TABLE devices (
    device         text PRIMARY KEY,
    point_id       integer GENERATED ALWAYS AS IDENTITY UNIQUE,
    site           text NOT NULL REFERENCES sites,
    protocol       text NOT NULL CHECK (protocol IN ('mqtt', 'hj212')),
    interval_s     integer NOT NULL DEFAULT 60 CHECK (interval_s > 0),
    password       text,
    vendor         text,
    model          text NOT NULL DEFAULT '',
    enabled        boolean NOT NULL DEFAULT true,
    online         boolean,      -- by its last will; null where it never said
    online_at      timestamptz,
    last_report_at timestamptz   -- newest measuring time stored
);

CREATE TABLE accounts (
    username      text PRIMARY KEY,
    password_hash text NOT NULL,  -- argon2
    name          text NOT NULL,
    role          text NOT NULL CHECK (role IN ('operator', 'supervisor', 'squad', 'viewer')),
    squad         text REFERENCES squads
);
