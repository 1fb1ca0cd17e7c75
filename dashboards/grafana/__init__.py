"""Grafana dashboards as code: ``overview`` lists the panels, ``files`` writes them as sorted JSON."""
