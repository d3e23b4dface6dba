"""The share of each module's gradient that each loss would have, in words."""

from __future__ import annotations

from collections.abc import Mapping

from jepa_cli.check.report import Report

NOTICEABLE = 0.01
"""Change of a share that is reported."""
NAMED = 4
"""Losses of a module that are named before the rest is counted."""


def share_lines(report: Report) -> list[tuple[str, str]]:
    """A module and its losses, for each module that several losses update or whose shares the edit changes."""
    after, before = report.check.measurement, report.baseline.measurement
    if after is None or before is None:
        return []
    found = []
    for module, shares in after.shares.items():
        old = before.shares.get(module, {})
        moved = any(abs(share - old.get(loss, 0.0)) >= NOTICEABLE for loss, share in shares.items())
        if len(shares) > 1 or moved:
            found.append((module, _told(shares, old)))
    return found


def percent(share: float) -> str:
    """``12 %``, on one line; ``<1 %`` for what would be rounded to nothing."""
    return f"{share:.0%}".replace("%", "\N{NO-BREAK SPACE}%") if share >= 0.005 else "<1\N{NO-BREAK SPACE}%"


def _told(shares: Mapping[str, float], old: Mapping[str, float]) -> str:
    parts = []
    for loss, share in list(shares.items())[:NAMED]:
        was = old.get(loss, 0.0)
        changed = f" (was {percent(was) if was else '0'})" if abs(share - was) >= NOTICEABLE else ""
        parts.append(f"{loss} {percent(share)}{changed}")
    if more := len(shares) - NAMED:
        parts += [f"{more} more"] if more > 0 else []
    return ", ".join(parts)
