"""The lines that a drift is about, as files relative to the current folder."""

from __future__ import annotations

import os
from dataclasses import dataclass

from audits.drift import Drift


@dataclass(frozen=True)
class Location:
    """One line of a file. The path is relative, with forward slashes, when the file lies below the current folder."""

    file: str
    line: int
    of: str
    """What is there: ``code`` or ``document``."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def locations(drift: Drift) -> tuple[Location, ...]:
    """The place in the code, then the row of the document; what is not known is left out."""
    code = [Location(drift.place.file, drift.place.line, "code")] if drift.place else []
    document = [Location(_relative(drift.row.file), drift.row.line, "document")] if drift.row else []
    return (*code, *document)


def _relative(path: str) -> str:
    """As `Place.file` has it."""
    relative = os.path.relpath(path) if os.path.isabs(path) else os.path.normpath(path)
    return (path if relative.startswith("..") else relative).replace(os.sep, "/")
