"""Conformance: what is wrong with a device's frames, or a platform's answers, and how to mend it."""
