"""Gradients of a training that runs: norm, share and conflict of each loss by module; alarms when routing changes."""
