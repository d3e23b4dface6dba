"""Names in a cell, written so that each is read back as it is: bare, in a code span, or in quotes in a code span."""

from __future__ import annotations

import json
import re
from collections.abc import Collection

CODE_SPAN = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)
BARE = re.compile(r"\w+(?:[.-]\w+)*")
TICKS = re.compile("`+")
LOST_IN_A_CELL = re.compile(r"  |\\\|")
"""What a cell cannot hold as it is: repeated spaces, and a backslash in front of a pipe."""


def as_code(name: str) -> str:
    """A code span that a cell can hold: the name, or, where it has characters that no cell holds, its JSON."""
    content = name if _holds(name) else _json(name)
    longest = max((len(run) for run in TICKS.findall(content)), default=0)
    fence = "`" * (longest + 1 if longest else 1)
    padded = f" {content} " if content.startswith("`") or content.endswith("`") else content
    return f"{fence}{padded}{fence}"


def is_bare(name: str) -> bool:
    """Whether a name is read back without a code span."""
    return bool(BARE.fullmatch(name)) and name.isprintable() and not (name.startswith("_") or name.endswith("_"))


def unquoted(content: str, known: Collection[str]) -> str | None:
    """The known name that a code span holds, if it holds one and nothing else."""
    if content.startswith(" ") and content.endswith(" ") and content.strip():
        content = content[1:-1]
    if content in known:
        return content
    if content.startswith('"'):
        try:
            name = json.loads(content)
        except ValueError:
            return None
        return name if isinstance(name, str) and name in known else None
    return content.strip() if content.strip() in known else None


def code_spans(text: str) -> list[tuple[int, int, str]]:
    """Where each code span starts and ends, and its content."""
    return [(match.start(), match.end(), match[2]) for match in CODE_SPAN.finditer(text)]


def _json(name: str) -> str:
    """The name in quotes, in characters that every cell holds."""
    text = json.dumps(name).replace("`", r"\u0060").replace("|", r"\u007c")
    return text.replace("  ", r" \u0020")


def _holds(name: str) -> bool:
    if not name or name != name.strip() or name.startswith('"'):
        return False
    return name.isprintable() and not LOST_IN_A_CELL.search(name) and not name.endswith("\\")
