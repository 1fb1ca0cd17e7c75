"""What the city talks about: frozen words without I/O. Imports nothing else of ours."""
