"""What a trained model is good for: figures of z, h and p, and goals reached."""
