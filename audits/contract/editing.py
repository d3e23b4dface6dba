"""Changes to the tables of a Markdown text that leave everything else byte for byte."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from audits.contract.headings import Columns
from audits.contract.markdown import TableLine


class Edits:
    """Collects changes of cells and lines; `text` applies them all."""

    def __init__(self, text: str) -> None:
        self._lines = text.split("\n")
        self._ending = "\r" if self._lines[0].endswith("\r") else ""
        self._spans: dict[int, dict[tuple[int, int], str]] = defaultdict(dict)
        self._after: dict[int, list[str]] = defaultdict(list)
        self._deleted: set[int] = set()

    def set_cell(self, columns: Columns, line: TableLine, column: str, text: str) -> None:
        """Write a cell anew. Its neighbours keep their place where the column's pipes stand below each other."""
        at = columns.at[column]
        cell = line.cells[at]
        self._spans[line.number][cell.start, cell.end] = _padded(columns, at, _escaped(text))

    def replace(self, number: int, span: tuple[int, int], text: str) -> None:
        """Write a part of a line anew."""
        self._spans[number][span] = text

    def delete(self, line: TableLine) -> None:
        self._deleted.add(line.number)

    def add_row(
        self, columns: Columns, after: TableLine, texts: Mapping[str, str], *, like: TableLine | None = None
    ) -> None:
        """A new line with these texts by column; other cells are those of `like`, or empty."""
        if columns.table.listed:
            self._after[after.number].append(self._item(after, [texts[name] for name in columns.at]))
            return
        raws = [cell.raw for cell in like.cells] if like else [""] * len(columns.table.header.cells)
        for column, text in texts.items():
            raws[columns.at[column]] = _escaped(text)
        cells = (_padded(columns, at, raw.strip()) for at, raw in enumerate(raws))
        indent = self._lines[columns.table.header.number - 1]
        indent = indent[: len(indent) - len(indent.lstrip(" "))]
        self._after[after.number].append(f"{indent}|{'|'.join(cells)}|")

    def _item(self, like: TableLine, texts: Sequence[str]) -> str:
        """An item of a list, pointing from the first text to the second as another item does."""
        line, (first, second) = self._lines[like.number - 1], like.cells
        return line[: first.start] + texts[0] + line[first.end : second.start] + texts[1]

    def append(self, lines: Iterable[str]) -> None:
        """Lines at the end of the text, behind a blank one."""
        while self._lines and not self._lines[-1].strip():
            self._lines.pop()
        self._lines += [line + self._ending for line in ("", *lines)] + [""]

    @property
    def text(self) -> str:
        lines = []
        for number, line in enumerate(self._lines, start=1):
            if number not in self._deleted:
                lines.append(self._edited(number, line))
            lines += [new + self._ending for new in self._after[number]]
        return "\n".join(lines)

    def _edited(self, number: int, line: str) -> str:
        for (start, end), text in sorted(self._spans[number].items(), reverse=True):
            line = line[:start] + text + line[end:]
        return line


def _escaped(text: str) -> str:
    return " ".join(text.split()).replace("|", r"\|")


def _padded(columns: Columns, at: int, raw: str) -> str:
    """With a space at both sides, and as wide as the column if the column has one width."""
    if columns.table.listed:
        return raw
    text = f" {raw} " if raw else " "
    aligned = columns.table.rows and columns.table.aligned(at)
    return text.ljust(len(columns.table.header.cells[at].raw)) if aligned else text
