"""How fast, in the unit that matters, beside a baseline of the same run; results in docs/performance.md."""
