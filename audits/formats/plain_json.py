"""Values as JSON has them."""

from math import isfinite
from typing import Any


def plain(value: Any) -> Any:
    """Lists for tuples, and text for what JSON does not have, such as NaN."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, float) and not isfinite(value):
        return str(value)
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
