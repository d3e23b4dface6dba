"""What the options of `jepa eval` may be. Read at every start, so it imports nothing."""

FORMATS = ("rich", "json", "markdown", "html")
