"""`jepa train`: a training with its view on the terminal."""
