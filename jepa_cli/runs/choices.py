"""What the options of `jepa runs` may be. Read at every start, so it imports nothing."""

from collections.abc import Collection

FORMATS = ("rich", "json", "csv")
ORDERS = ("name", "updated", "loss")
COMPARE_FORMATS = ("rich", "json")


def check_choice(option: str, value: str, known: Collection[str]) -> None:
    """Raises UserError for what is not known."""
    from audits.errors import UserError, nearest

    if value not in known:
        raise UserError(f"{option} {value}: {nearest(value, known)}")
