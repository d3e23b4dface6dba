"""Real optimizer steps: what moved, by how much, by which loss's gradient, and what is wrong with that."""
