"""Device → Kafka → TimescaleDB: nothing is acknowledged before the next hop has it."""
