"""Devices and whole cities that behave, and misbehave on purpose, with ground truth."""
