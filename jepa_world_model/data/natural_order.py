"""Sorting names as people count: 2 before 10."""

import re
from pathlib import Path


def natural_order(path: Path) -> tuple[list[tuple[int, str]], str]:
    """Return a sort key that compares runs of digits as numbers; equal numbers fall back to the name."""
    parts = re.findall(r"\d+|\D+", path.name)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts], path.name
