"""What pydantic expected of a value, in our words."""

from collections.abc import Mapping
from typing import Any

from jepa_world_model.errors import shown

EXPECTED = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "string": "a text",
    "tuple": "a list",
    "dict": "a table",
    "dataclass": "a table",
    "literal_error": "one of {expected}",
    "greater_than_equal": "a number greater than or equal to {ge}",
    "less_than_equal": "a number less than or equal to {le}",
    "greater_than": "a number greater than {gt}",
    "less_than": "a number less than {lt}",
    "finite_number": "a finite number",
    "too_long": "at most {max_length} values",
    "too_short": "at least {min_length} value",
}
"""What was expected, in our words, by pydantic's type of error or the first word of it."""


def in_our_words(mistake: Mapping[str, Any]) -> str:
    """``expected a whole number, found 'x'``, of one of `ValidationError.errors()`."""
    kind = mistake["type"]
    words = EXPECTED.get(kind) or EXPECTED[kind.partition("_")[0]]
    return f"expected {words.format(**mistake.get('ctx', {}))}, found {shown(mistake['input'])}"
