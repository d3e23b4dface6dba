"""Compiled code as it was written."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


@contextmanager
def eager() -> Iterator[None]:
    """Compiled code runs as it was written: a compiled region claims more reach than it has."""
    if "torch._dynamo" in sys.modules:
        with torch.compiler.set_stance("force_eager"):
            yield
        return
    compile, torch.compile = torch.compile, _as_it_is  # nothing is compiled yet, and nothing shall be
    try:
        yield
    finally:
        torch.compile = compile


def _as_it_is(model: Any = None, **_: Any) -> Any:
    return model if model is not None else lambda function: function
