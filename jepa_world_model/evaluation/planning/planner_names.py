"""What planners are called. Read at every start of the command, so it imports nothing."""

TITLES = {
    "search-z": "search in imagined z",
    "search-q": "search in q",
    "search-p": "search in p",
    "a-star-p": "A* on p",
    "cem-z": "CEM in z",
    "mppi-z": "MPPI in z",
    "random": "random walk",
    "oracle": "oracle",
}
"""By the name that a user gives: the one in a report, and in evaluation.json."""
NAMES = tuple(TITLES)
DEFAULT = ("search-z", "search-q", "search-p", "a-star-p", "random", "oracle")
WALKERS = ("search-p", "search-q", "search-z", "a-star-p", "cem-z", "mppi-z")
"""Those that use the model alone, in the order of README.md: those that reach more goals come first."""
