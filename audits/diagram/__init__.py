"""Gradient flow as a picture, drawn from what was measured."""
