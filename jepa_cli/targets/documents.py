"""Where the contract of the world model is."""

from __future__ import annotations

from pathlib import Path

TABLE = Path("docs") / "gradient_flow.md"
PROJECT = Path(__file__).parents[2]


def documented_table() -> Path:
    """The contract of the world model is in the current folder, or else beside the package."""
    return TABLE if TABLE.exists() else PROJECT / TABLE
