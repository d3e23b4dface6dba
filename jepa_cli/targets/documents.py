"""Where the contract of the world model is."""

from __future__ import annotations

import sys
from pathlib import Path

from audits import AuditError

TABLE = Path("docs") / "gradient_flow.md"
PROJECT = Path(__file__).parents[2]
INSTALLED = PROJECT / "jepa_world_model" / "gradient_flow" / TABLE.name
"""In an installed package; a checkout has it in `docs/` only."""


def documented_table() -> Path:
    """The contract of the world model: of the current folder, or else of the package, or of its checkout."""
    return next((path for path in (TABLE, INSTALLED) if path.is_file()), PROJECT / TABLE)


def named_table(path: Path) -> Path:
    """A document as it was named; `docs/gradient_flow.md` is also found where the current folder has none."""
    return documented_table() if path == TABLE else path


def check_updatable(path: Path | None) -> None:
    """Raises AuditError for the contract of an installed package, and where there is none to update."""
    if path is not None and path.resolve() == INSTALLED.resolve():
        raise AuditError(f"--update: {path} belongs to the installed package; name a file of your own: --table FLOW.md")
    if path is None and not TABLE.parent.is_dir():
        raise AuditError(
            f"--update: there is no {TABLE} in {Path.cwd()}, and that of the package is not changed: run this in "
            "the folder of the project, or name a file: --table FLOW.md"
        )


def say_which(table: Path | None, named: Path | None) -> None:
    """Tell where a contract was found that is neither the one that was named nor in the current folder."""
    if table not in (None, named, TABLE):
        print(f"no {TABLE} in this folder: compared with that of the package, {table}", file=sys.stderr)
