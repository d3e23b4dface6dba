"""What the user got wrong, as one message. `UserError` is shown without a traceback."""

from collections.abc import Sequence

from audits.errors import UserError, nearest

__all__ = ["UserError", "listed_mistakes", "nearest"]


def listed_mistakes(mistakes: Sequence[str]) -> str:
    """The message of a config with mistakes."""
    if len(mistakes) == 1:
        return f"the configuration has a mistake:\n  {mistakes[0]}"
    return f"the configuration has {len(mistakes)} mistakes:\n" + "\n".join(f"  {mistake}" for mistake in mistakes)
