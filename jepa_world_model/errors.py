"""What the user got wrong, as one message. `UserError` is shown without a traceback."""

from collections.abc import Sequence

from audits.errors import UserError, nearest, shown

__all__ = ["UserError", "install_hint", "listed_mistakes", "nearest", "shown"]


def install_hint(extra: str) -> str:
    """How an extra is installed: from the folder of this project, never by a name that an index may give to others."""
    return f"in the folder of this project: pip install '.[{extra}]'"


def listed_mistakes(mistakes: Sequence[str]) -> str:
    """The message of a config with mistakes."""
    if len(mistakes) == 1:
        return f"the configuration has a mistake:\n  {mistakes[0]}"
    return f"the configuration has {len(mistakes)} mistakes:\n" + "\n".join(f"  {mistake}" for mistake in mistakes)
