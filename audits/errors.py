"""Mistakes of the user: errors that are shown as one message, without a traceback."""

from collections.abc import Iterable


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
