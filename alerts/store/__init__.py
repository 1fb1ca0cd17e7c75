"""The SQL of alerts: one module for each thing stored; every function runs on its caller's transaction."""
