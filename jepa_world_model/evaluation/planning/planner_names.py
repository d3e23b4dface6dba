"""What planners are called. Read at every start of the command, so it imports nothing."""

NAMES = ("search-z", "search-q", "search-p", "a-star-p", "cem-z", "random", "oracle")
DEFAULT = ("search-z", "search-q", "search-p", "a-star-p", "random", "oracle")
WALKERS = ("search-q", "search-z", "search-p", "a-star-p", "cem-z")
"""Those that use the model alone, the best first."""
