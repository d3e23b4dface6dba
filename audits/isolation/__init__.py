"""A forward pass that leaves nothing behind: what it can reach, copies of tensors, the rest put back; float64."""
