"""One glyph for each status, readable without colour."""

from __future__ import annotations

from collections.abc import Iterable

from audits.result import Status

UNICODE: dict[Status, str] = {
    Status.LIVE: "●",
    Status.IDLE: "◐",
    Status.VACUOUS: "○",
    Status.FROZEN: "❄",
    Status.UNDERFLOW: "▽",
    Status.NONFINITE: "!",
    Status.UNKNOWN: "?",
    Status.UNPROVEN: "◇",
    Status.ABSENT: "·",
}
ASCII: dict[Status, str] = {
    Status.LIVE: "L",
    Status.IDLE: "I",
    Status.VACUOUS: "V",
    Status.FROZEN: "F",
    Status.UNDERFLOW: "W",
    Status.NONFINITE: "N",
    Status.UNKNOWN: "U",
    Status.UNPROVEN: "P",
    Status.ABSENT: ".",
}
MEANINGS: dict[Status, str] = {
    Status.LIVE: "live",
    Status.IDLE: "idle: live on another batch",
    Status.VACUOUS: "vacuous: zero or rounding noise",
    Status.FROZEN: "frozen: requires_grad is False",
    Status.UNDERFLOW: "underflow: lost to precision",
    Status.NONFINITE: "nonfinite: NaN or infinity",
    Status.UNKNOWN: "unknown",
    Status.UNPROVEN: "not proven: zero or tiny on this step, --proof decides",
    Status.ABSENT: "absent",
}


def legend(shown: Iterable[Status], glyphs: dict[Status, str]) -> list[str]:
    """What each glyph that occurs means: ``● live``."""
    occurring = set(shown)
    return [f"{glyph} {MEANINGS[status]}" for status, glyph in glyphs.items() if status in occurring]
