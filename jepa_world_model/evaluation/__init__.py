"""What a trained model shows: pictures."""
