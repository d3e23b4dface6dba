"""The table of rooms in architecture.md: every folder of the three packages, in the words of its own docstring.

python docs/rooms.py        from the project's root; `make docs` does
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "architecture.md"
PACKAGES = ("jepa_cli", "jepa_world_model", "audits")
TABLE = re.compile(r"(?<=<!-- rooms -->\n).*?(?=<!-- /rooms -->)", re.DOTALL)


def table() -> str:
    """A row for each folder that has modules."""
    rows = ["| folder | what it is for |", "| --- | --- |"]
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("__init__.py")):
            summary = (ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or "").partition("\n\n")[0]
            rows.append(f"| `{file.parent.relative_to(ROOT).as_posix()}/` | {' '.join(summary.split())} |")
    return "\n".join(["", *rows, "", ""])


def with_table(page: str) -> str:
    """The page with the table as it is now."""
    return TABLE.sub(lambda _: table(), page)


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
