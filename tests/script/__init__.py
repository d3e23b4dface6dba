"""Scripts that are audited as they are."""
