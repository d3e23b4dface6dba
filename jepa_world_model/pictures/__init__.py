"""Pictures of runs: what a model shows on held-out windows, and the curves of its losses."""
