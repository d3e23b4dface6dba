"""Real optimizer steps of small trainers: what moved, and what is wrong with it."""
