"""What the options of `jepa check-weights` may be. Read at every start, so it imports no more than names."""

from jepa_cli.check.formats import FORMATS

RICH = "rich"
REPORTS = (RICH, *FORMATS)
LEVELS = ("warning", "error")
"""From which level on a finding may fail a check."""
