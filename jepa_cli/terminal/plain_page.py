"""Lines for a terminal, wrapped and coloured without loading a terminal library."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Mapping
from textwrap import wrap
from typing import Any

import typer

from jepa_cli.terminal.safe_text import safe

LEAST = 40
STYLES: dict[str, dict[str, Any]] = {
    "": {},
    "heading": {"bold": True},
    "error": {"fg": "red", "bold": True},
    "warning": {"fg": "yellow", "bold": True},
    "info": {"fg": "blue", "bold": True},
    "good": {"fg": "green", "bold": True},
    "quiet": {"dim": True},
}


class PlainPage:
    """Collects text, then prints it: in colour on a terminal, with escapes for letters that it does not have."""

    def __init__(self, *, width: int | None = None) -> None:
        self._width = max(width or shutil.get_terminal_size().columns, LEAST)
        self._lines: list[tuple[str, str]] = []

    def blank(self) -> None:
        self._lines.append(("", ""))

    def paragraph(self, text: str, *, indent: int = 0, style: str = "") -> None:
        """Text whose further lines are indented."""
        start = " " * indent
        lines = wrap(text, self._width, initial_indent=start, subsequent_indent=f"{start}  ")
        self._lines += [(line, style) for line in lines]

    def fields(self, fields: Mapping[str, Iterable[str] | str], *, indent: int = 2) -> None:
        """Names in a column, their texts in another; a name without text is left out."""
        width = indent + max(map(len, fields), default=0) + 2
        for name, texts in fields.items():
            start = f"{' ' * indent}{name}"
            for text in [texts] if isinstance(texts, str) else texts:
                for line in wrap(text, max(self._width - width, LEAST // 2)):
                    self._lines.append((f"{start.ljust(width)}{line}", ""))
                    start = ""

    def text(self) -> str:
        """Everything, without colour."""
        return "".join(f"{_spaced(line)}\n" for line, _ in self._lines)

    def print(self) -> None:
        encoding = sys.stdout.encoding or "ascii"
        for line, style in self._lines:
            shown = _spaced(line).encode(encoding, "backslashreplace").decode(encoding)
            typer.echo(typer.style(shown, **STYLES[style]) if style else shown)


def _spaced(line: str) -> str:
    """No-break spaces as plain spaces, and nothing that a terminal would obey."""
    return safe(line.replace("\N{NO-BREAK SPACE}", " "))
