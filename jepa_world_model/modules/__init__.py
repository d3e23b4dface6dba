"""Building blocks of the world model."""
