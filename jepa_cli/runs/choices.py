"""What the options of `jepa runs` may be. Read at every start, so it imports nothing."""

FORMATS = ("rich", "json", "csv")
ORDERS = ("name", "updated", "loss")
COMPARE_FORMATS = ("rich", "json")
