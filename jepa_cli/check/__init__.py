"""`jepa check-weights`: the edit, the baseline, what rules find, and how it is shown."""
