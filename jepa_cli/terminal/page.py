"""Lines on a console: wrapped with indentation, never cut off, and in ASCII where the console has no more."""

from __future__ import annotations

from collections.abc import Iterable

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from jepa_cli.terminal.safe_text import safe


class Page:
    """What is written on it is plain text: brackets are no markup, numbers get no colour."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.width = console.width
        self.ascii_only = console.options.ascii_only

    def shown(self, text: str) -> str:
        """With escapes such as ``\\u1e91`` for what an ASCII console does not have."""
        text = safe(text)
        return text.encode("ascii", "backslashreplace").decode("ascii") if self.ascii_only else text

    def line(self, *parts: tuple[str, str]) -> None:
        """Texts with their styles, side by side. The caller knows that they fit."""
        line = Text.assemble(*((self.shown(text), style) for text, style in parts))
        line.rstrip()
        self._console.print(line, highlight=False, soft_wrap=True)

    def blank(self) -> None:
        self._console.print()

    def paragraph(self, text: str, *, style: str = "") -> None:
        """Text whose further lines are indented."""
        self._hanging("", 0, text, style)

    def items(self, items: Iterable[str]) -> None:
        """Short texts side by side, as many on a line as fit."""
        line = ""
        for item in items:
            longer = f"{line}   {item}" if line else item
            if line and cell_len(longer) > self.width:
                self.paragraph(line)
                longer = item
            line = longer
        self.paragraph(line)

    def fields(self, fields: dict[str, str]) -> None:
        """Names in a column, their texts in another; a name without text is left out."""
        width = 2 + max(map(len, fields), default=0) + 2
        for name, text in fields.items():
            if text:
                self._hanging(f"  {name}", width, text, "")

    def _hanging(self, first: str, indent: int, text: str, style: str) -> None:
        below = indent or 2
        whole = Text(self.shown(text))
        lines = whole.wrap(self._console, max(self.width - below, 1), overflow="fold")
        for number, line in enumerate(lines):
            start = first.ljust(indent) if number == 0 else " " * below
            self.line((start, "dim" if first and number == 0 else ""), (line.plain, style))
