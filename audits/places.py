"""Where in the source something happens."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from enum import StrEnum

INSTALLED = re.compile(r"[/\\](?:site|dist)-packages[/\\]")
"""The folder of packages in a path."""


@dataclass(frozen=True)
class Place:
    """One expression in the source of a trainer.

    Attributes:
        path: Absolute path of the file.
        line: Number of the line, from 1.
        module: Dotted name of the Python module, such as ``jepa_world_model.states``.
        function: Qualified name of the function, such as ``States.h``.
        text: The expression, such as ``stop(z)``.
        nth: Which of the equal expressions of the function it is, from 1.

    Examples:
        >>> place = Place("/src/my_trainer.py", 16, "my_trainer", "losses", "z_next.detach()")
        >>> place.key
        'my_trainer.losses: z_next.detach()'
    """

    path: str
    line: int
    module: str
    function: str
    text: str = ""
    nth: int = 1

    @property
    def file(self) -> str:
        """The path to show: relative to the current folder where the file lies below it."""
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
    def expression(self) -> str:
        """What the contract shows: ``trainer.losses: z.detach()``, without the line."""
        return f"{self.module}.{self.function}: {' '.join(self.text.split())}"

    @property
    def key(self) -> str:
        """Tells the place from all others: the expression, and which of the equal ones it is."""
        again = f" (no. {self.nth})" if self.nth > 1 else ""
        return f"{self.expression}{again}"

    def __str__(self) -> str:
        """``train.py:16``; of an installed package, from the package on: ``lightning/trainer.py:16``"""
        installed = INSTALLED.split(self.path)[1:]
        return f"{installed[-1].replace(os.sep, '/') if installed else self.file}:{self.line}"


class StopKind(StrEnum):
    """What ended a gradient.

    Attributes:
        DETACH: ``detach``, ``.data`` and their relatives: on purpose.
        NO_GRAD: A computation under ``torch.no_grad`` or ``torch.inference_mode``.
        NOT_DIFFERENTIABLE: A conversion to integers, ``argmax``, a comparison.
        FUNCTION: A custom autograd Function that returns None.
        PYTHON: The value left PyTorch: ``.item()``, ``.tolist()``.

    Examples:
        >>> StopKind.DETACH.deliberate, StopKind.PYTHON.deliberate
        (True, False)
    """

    DETACH = "detach"
    NO_GRAD = "no_grad"
    NOT_DIFFERENTIABLE = "not differentiable"
    FUNCTION = "function"
    PYTHON = "python"

    @property
    def deliberate(self) -> bool:
        """Whether it belongs to the routing that somebody designed, and so to the contract."""
        return self in (StopKind.DETACH, StopKind.NO_GRAD)


@dataclass(frozen=True)
class Stop:
    """A place where gradient ends.

    Attributes:
        place: The expression that ends it.
        kind: How it ends there.
        gate: Name of the gate that makes the stop, such as ``detach_decoder``. None where no gate does.

    Examples:
        >>> stop = found.flows[0].stops["value"][0]
        >>> stop.kind, stop.gate
        (<StopKind.DETACH: 'detach'>, 'value_trains_encoder')
    """

    place: Place
    kind: StopKind
    gate: str | None = field(default=None, compare=False)

    @property
    def name(self) -> str:
        """What to call it: its gate, or its function and expression."""
        return f"gate {self.gate}" if self.gate else f"{self.place.function}: {self.place.text}"

    def __str__(self) -> str:
        """``jepa_world_model/states.py:88 (gate detach_z_from_h_and_p)``"""
        return f"{self.place} ({f'gate {self.gate}' if self.gate else self.place.text or self.kind})"
