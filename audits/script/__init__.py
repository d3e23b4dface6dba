"""Any training script, unchanged: what it sends backward, taken apart into losses, and what its modules get of it."""
