"""What the options of `jepa data` may be. Read at every start, so it imports nothing."""

FORMATS = ("rich", "json")
PICTURES = (".png", ".html")
