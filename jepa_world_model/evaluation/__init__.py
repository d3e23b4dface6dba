"""What a trained model is worth: validation losses and pictures."""
