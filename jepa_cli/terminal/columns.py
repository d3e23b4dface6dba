"""Columns of text, and values as a table shows them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from rich.cells import cell_len

GAP = "  "
SPANS = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"))
LONG_AGO = 30 * 86400.0


def aligned(rows: Sequence[Sequence[str]], *, left: int = 1) -> list[str]:
    """A line for each row: so many columns start at the same place, the others end at the same place."""
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    return [GAP.join(_padded(cell, widths[n], n < left) for n, cell in enumerate(row)).rstrip() for row in rows]


def printable(text: str) -> str:
    """On one line, with escapes for control characters."""
    line = " ".join(text.split())
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in line)


def number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def duration(seconds: float | None) -> str:
    """``8 s``, ``6.2 min``, ``2 d``"""
    if seconds is None:
        return ""
    for size, unit in SPANS:
        if seconds >= size:
            return f"{seconds / size:.2g} {unit}" if seconds < 10 * size else f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def ago(time: datetime | None, now: datetime) -> str:
    """``6.2 min ago``, and after some weeks the date."""
    if time is None:
        return ""
    seconds = (now - time).total_seconds()
    return time.astimezone(UTC).date().isoformat() if seconds > LONG_AGO else f"{duration(max(seconds, 0.0))} ago"


def _padded(cell: str, wanted: int, left: bool) -> str:
    space = " " * (wanted - cell_len(cell))
    return cell + space if left else space + cell
