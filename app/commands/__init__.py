"""One module a command; ``app.cli`` puts them together."""
