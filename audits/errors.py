"""The one exception that is shown to the user without a traceback."""

from collections.abc import Iterable
from difflib import get_close_matches


class AuditError(Exception):
    """What keeps an audit from being made. The message says what was expected, what was found and what to do."""


def nearest(name: str, valid: Iterable[str]) -> str:
    """``did you mean 'jepa'?``, or, when nothing in `valid` is close, all of `valid`: ``known are 'a', 'b'``."""
    valid = list(valid)
    matches = get_close_matches(name, valid, n=1)
    return f"did you mean {matches[0]!r}?" if matches else f"known are {', '.join(map(repr, valid))}"
