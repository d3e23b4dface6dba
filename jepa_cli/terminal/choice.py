"""Values of options that are one of a few."""

from collections.abc import Iterable

from audits.errors import UserError, nearest


def check_choice(option: str, value: str, known: Iterable[str]) -> None:
    """Raises UserError, with the nearest name, for a value that is not known."""
    known = tuple(known)
    if value not in known:
        raise UserError(f"{option} {value}: {nearest(value, known)}")
