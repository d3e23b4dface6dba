"""Which script is run, and what is asked of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

FLOAT64 = "float64"
"""The variation of a script that runs in float64, at its own weights."""


@dataclass(frozen=True)
class Script:
    """A training script, as it is run.

    Attributes:
        path: The file, or None where `module` is run as ``python -m`` runs it.
        module: Dotted name of a module.
        arguments: What it finds in `sys.argv` after its own name.
        steps: Whole rounds of its optimizers that are watched.
        modules: What the columns are: a depth below the outermost modules, or patterns of names.
        renamed: LivingNames of losses by file and line.
        is_drawn: Whether what it computes from what is wanted too, for a picture.
        variation: Empty for the script as it is; ``float64``; or the number of other weights, in float64 too.
    """

    path: Path | None = None
    module: str = ""
    arguments: Sequence[str] = ()
    steps: int = 1
    modules: Sequence[str] = ()
    renamed: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    variation: str = ""
    is_drawn: bool = False

    @property
    def name(self) -> str:
        """What reports call it."""
        return self.path.stem if self.path else self.module
