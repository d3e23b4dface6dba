"""`jepa plan`: a goal, a walk towards it, and how both are shown."""
