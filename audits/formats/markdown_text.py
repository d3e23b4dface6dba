"""Text as GitHub's Markdown shows it literally, inside a table too."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape

SPECIAL = re.compile(r"([\\`*_{}\[\]<>|~$])")
NOTIFYING = re.compile(r"([@#])(?=\w)")


def text(words: str) -> str:
    """Plain text: nothing in it is markup, mentions a user or links to an issue."""
    escaped = SPECIAL.sub(r"\\\1", " ".join(words.split())).replace("&", "&amp;")
    return NOTIFYING.sub(r"\1<!-- -->", escaped)


def summary(words: str) -> str:
    """Plain text inside an HTML tag, where backslashes are shown."""
    return NOTIFYING.sub(r"\1<!-- -->", escape(" ".join(words.split())))


def bold(words: str) -> str:
    return f"**{text(words)}**"


def code(words: str) -> str:
    """A code span, which may hold backticks; nothing for no words."""
    words = " ".join(words.split()).replace("|", r"\|")
    if not words:
        return ""
    fence = "`" * (max(map(len, re.findall("`+", words)), default=0) + 1)
    pad = " " if "`" in words else ""
    return f"{fence}{pad}{words}{pad}{fence}"


def broken(name: str) -> str:
    """A name that may be long, on several lines, so that its column stays narrow."""
    return "<br>".join(map(text, re.findall(r"[^_.]+[_.]*|[_.]+", name))) or "<br>"


def table(header: Sequence[str], rows: Iterable[Sequence[str]], *, centred: bool = False) -> str:
    """A table of cells that are Markdown already; `centred` does not hold for the first column."""
    rule = ["---", *([":-:" if centred else "---"] * (len(header) - 1))]
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, rule, *rows))
