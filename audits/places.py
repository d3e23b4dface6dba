"""Where in the source something happens."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True)
class Place:
    """One expression of somebody's source."""

    path: str
    """Absolute path of the file."""
    line: int
    module: str
    """Dotted name, such as ``jepa_world_model.states``."""
    function: str
    """Qualified name, such as ``States.h``."""
    text: str = ""
    """The expression, such as ``stop(z)``."""
    nth: int = 1
    """Which of the equal expressions of the function it is."""

    @property
    def file(self) -> str:
        """The path as a reader wants it: relative when the file lies below the current folder."""
        relative = os.path.relpath(self.path) if os.path.isabs(self.path) else self.path
        return self.path if relative.startswith("..") else relative.replace(os.sep, "/")

    @property
    def within(self) -> str:
        """The path from the outermost package on, wherever it is installed: ``jepa_world_model/states.py``."""
        parts = self.path.replace(os.sep, "/").split("/")
        is_package = parts[-1] == "__init__.py"
        known = 0 if self.module == "__main__" else self.module.count(".") + is_package
        return "/".join(parts[-1 - known :])

    @property
    def key(self) -> str:
        """What the contract remembers: the place without its line, so that a moved line is no change."""
        again = f" (no. {self.nth})" if self.nth > 1 else ""
        return f"{self.module}.{self.function}: {' '.join(self.text.split())}{again}"

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class StopKind(StrEnum):
    """What ended a gradient."""

    DETACH = "detach"
    """`detach`, `.data` and the like: on purpose."""
    NO_GRAD = "no_grad"
    """A computation under `torch.no_grad` or `inference_mode`."""
    NOT_DIFFERENTIABLE = "not differentiable"
    """A conversion to integers, `argmax`, a comparison."""
    FUNCTION = "function"
    """A custom autograd Function that returns None."""
    PYTHON = "python"
    """The value left PyTorch: `.item()`, `.tolist()`."""

    @property
    def deliberate(self) -> bool:
        """Whether it belongs to the routing that somebody designed, and so to the contract."""
        return self in (StopKind.DETACH, StopKind.NO_GRAD)


@dataclass(frozen=True)
class Stop:
    """A place where gradient ends."""

    place: Place
    kind: StopKind
    gate: str | None = field(default=None, compare=False)
    """The gate that makes it, where one does: ``detach_decoder``."""

    @property
    def name(self) -> str:
        return f"gate {self.gate}" if self.gate else f"{self.place.function}: {self.place.text}"

    def __str__(self) -> str:
        """``jepa_world_model/states.py:88 (gate detach_z_from_h_and_p)``"""
        return f"{self.place} ({f'gate {self.gate}' if self.gate else self.place.text or self.kind})"
