"""What the commands about gradient look at: the world model, or the trainer of a user."""
