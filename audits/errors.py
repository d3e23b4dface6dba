"""Mistakes of the user: errors that are shown as one message, without a traceback."""

from collections.abc import Iterable
from datetime import date, time

LONGEST = 80
"""Characters of a value in a message."""


class UserError(Exception):
    """A mistake that the user can correct. The message says what was expected, what was found and what to do."""


class AuditError(UserError):
    """The audit cannot be made. The message says what was expected, what was found and what to do.

    Examples:
        >>> audit(target, settings=[{"value_trains_encodr": True}])
        Traceback (most recent call last):
        audits.errors.AuditError: there is no gate 'value_trains_encodr': did you mean 'value_trains_encoder'?
    """


def nearest(name: str, valid: Iterable[str], *, otherwise: str | None = None) -> str:
    """``did you mean 'jepa'?``

    When nothing in `valid` is close: `otherwise`, or by default all of `valid`: ``known are 'a', 'b'``.
    """
    from difflib import get_close_matches  # slow to import, and only mistakes need it

    valid = list(valid)
    if matches := get_close_matches(name, valid, n=1):
        return f"did you mean {matches[0]!r}?"
    return f"known are {', '.join(map(repr, valid))}" if otherwise is None else otherwise


def shown(value: object) -> str:
    """A value that was found, on one line of a message: ``true`` and dates as TOML has them, all else as Python has it.

    Examples:
        >>> shown([True, "a" * 100])[:20]
        "[True, 'aaaaaaaaaaaa"
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, date | time):
        return value.isoformat()
    try:
        text = " ".join(repr(value).split("\n"))
    except Exception:  # Python writes out no whole number of thousands of digits, and code of others may raise anything
        return "a number of too many digits" if isinstance(value, int) else f"a {type(value).__name__}"
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 4]} ..."
