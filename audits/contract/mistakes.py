"""All mistakes of one document, collected and reported at once."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from audits.errors import AuditError

MOST = 10


def shown(path: Path) -> str:
    """A path as a reader wants it: relative when it lies below the current folder."""
    relative = os.path.relpath(path)
    return (str(path) if relative.startswith("..") else relative).replace(os.sep, "/")


@dataclass(frozen=True, order=True)
class Mistake:
    line: int
    text: str
    structural: bool = False
    """Whether it leaves open which cell belongs to which loss, so that nobody can mend it but a person."""


class Mistakes:
    """Collects; raises when asked."""

    def __init__(self, path: Path) -> None:
        self.file = shown(path)
        self._found: list[Mistake] = []

    def add(self, line: int, text: str, *, structural: bool = False) -> None:
        self._found.append(Mistake(line, text, structural))

    def raise_all(self) -> None:
        """Raises AuditError that lists what was added, in the order of the lines; nothing when there is nothing."""
        self._raise(self._found)

    def raise_structural(self) -> None:
        self._raise([mistake for mistake in self._found if mistake.structural])

    def _raise(self, mistakes: list[Mistake]) -> None:
        lines = [f"{self.file}:{mistake.line}: {mistake.text}" for mistake in sorted(mistakes)]
        if lines:
            more = [f"and {len(lines) - MOST} more"] if len(lines) > MOST else []
            raise AuditError("\n".join(lines[:MOST] + more))
