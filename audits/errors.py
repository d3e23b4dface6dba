"""The one exception that is shown to the user without a traceback."""

from collections.abc import Iterable
from difflib import get_close_matches


class AuditError(Exception):
    """The audit cannot be made. The message says what was expected, what was found and what to do.

    Examples:
        >>> audit(target, settings=[{"value_trains_encodr": True}])
        Traceback (most recent call last):
        audits.errors.AuditError: there is no gate 'value_trains_encodr': did you mean 'value_trains_encoder'?
    """


def nearest(name: str, valid: Iterable[str]) -> str:
    """``did you mean 'jepa'?``, or, when nothing in `valid` is close, all of `valid`: ``known are 'a', 'b'``."""
    valid = list(valid)
    matches = get_close_matches(name, valid, n=1)
    return f"did you mean {matches[0]!r}?" if matches else f"known are {', '.join(map(repr, valid))}"
