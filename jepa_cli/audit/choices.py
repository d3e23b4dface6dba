"""What the options of `jepa audit-grads` may be. Read at every start, so it imports no more than names."""

from audits.formats import FORMATS

RICH = "rich"
REPORTS = (RICH, *FORMATS)
