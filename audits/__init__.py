"""Gradient flow of any PyTorch trainer: which loss updates which module."""
