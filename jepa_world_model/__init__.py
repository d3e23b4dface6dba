"""A JEPA world model: model, losses, data, training and evaluation."""
