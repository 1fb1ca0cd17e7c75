"""Fuzzing of what devices send: any bytes yield readings or a reason, never an exception."""
