"""A forward pass as it was: which tensor was computed from which, where gradient stopped, in whose source."""
