"""Text that somebody else wrote, such as a file name, shown as text: it moves no cursor and changes no colour."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

UNSAFE = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters but tab and line feed, what turns the direction of writing, and bytes that are no text."""


def safe(text: str) -> str:
    """With escapes such as ``\\x1b`` for what a terminal would obey, or cannot show."""
    return UNSAFE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


@contextmanager
def usage_shown_safely() -> Iterator[None]:
    """What typer complains about repeats what was typed, and has the words of pydantic."""
    try:
        yield
    except Exception as error:
        if mistakes := getattr(error.__cause__, "errors", None):
            from jepa_world_model.expected import in_our_words

            error.message = "; ".join(map(in_our_words, mistakes()))  # pyright: ignore[reportAttributeAccessIssue]
        if isinstance(message := getattr(error, "message", None), str):
            error.message = safe(message)  # pyright: ignore[reportAttributeAccessIssue]
        raise
