-- Where TimescaleDB is installed the big tables become hypertables; a bare PostgreSQL
-- keeps them plain and everything else works (design §7).
-- depends: 0003.cases

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_available_extensions WHERE name = 'timescaledb') THEN
        CREATE EXTENSION IF NOT EXISTS timescaledb;
        PERFORM create_hypertable('readings', 'at', chunk_time_interval => interval '1 day',
                                  create_default_indexes => false);
        PERFORM create_hypertable('reports', 'at', chunk_time_interval => interval '1 day',
                                  create_default_indexes => false);
        PERFORM create_hypertable('evaluations', 'window_start', chunk_time_interval => interval '7 days',
                                  create_default_indexes => false);
    END IF;
END
$$;
