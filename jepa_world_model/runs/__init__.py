"""What the folders of runs say, read without torch."""
