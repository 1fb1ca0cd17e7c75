"""The shell: command line, embedded stack, demo, web server."""
