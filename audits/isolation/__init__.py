"""A forward pass that leaves nothing behind: copies of tensors, random generators, float64."""
