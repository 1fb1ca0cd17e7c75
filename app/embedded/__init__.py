"""The embedded stack: the real Kafka, mosquitto and TimescaleDB as plain processes in one data folder.

It serves the demo, the tests and a one-box trial where no Docker engine runs. Nothing in it needs root.
"""
