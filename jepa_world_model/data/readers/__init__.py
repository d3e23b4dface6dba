"""Data sets as people have them: each reader recognises a layout by looking, and gives episodes."""
