"""Readings → evaluations: standard packs (data), windows, statistics, verdicts. The engine is pure."""
