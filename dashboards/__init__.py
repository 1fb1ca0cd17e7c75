"""The walls: Grafana dashboards as code, and a built-in one. They read TimescaleDB by SQL only."""
