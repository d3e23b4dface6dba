"""Faults of real steps: each is a function from what was seen to remarks. Importing a file declares its findings."""
