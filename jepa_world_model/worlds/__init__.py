"""Environments that can be put into any of their states: to evaluate a model in, to plan in, to collect from."""
