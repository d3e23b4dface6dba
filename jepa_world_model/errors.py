"""The one exception that is shown to the user without a traceback."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches


class UserError(Exception):
    """A mistake that the user can mend. The message says what was expected, what was found and what to do."""


def nearest(name: str, valid: Iterable[str]) -> str:
    """Return a phrase such as ``did you mean 'jepa'?``, or an empty string when nothing in ``valid`` is close."""
    matches = get_close_matches(name, list(valid), n=1)
    return f"did you mean '{matches[0]}'?" if matches else ""


def listed_mistakes(mistakes: Sequence[str]) -> str:
    """The message of a config with mistakes."""
    if len(mistakes) == 1:
        return f"the configuration has a mistake:\n  {mistakes[0]}"
    return f"the configuration has {len(mistakes)} mistakes:\n" + "\n".join(f"  {mistake}" for mistake in mistakes)
