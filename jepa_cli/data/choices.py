"""What the options of `jepa data` may be. Read at every start, so it imports nothing."""

FORMATS = ("rich", "json")
PICTURES = (".png", ".html")
FITS = ("letterbox", "crop", "stretch")
"""Those of `jepa_world_model.picture_fit`, which may not be imported before a trainer's own packages are looked for."""
