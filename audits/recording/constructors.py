"""Tensors that are made anew of the values of others, out of sight of torch's own overrides."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn
from torch.autograd import Variable

UNSEEN = (type(nn.Parameter), type(Variable))
"""Whose classes torch makes tensors of without a word: parameters, buffers, variables."""

Tell = Callable[[type, tuple, dict, Any], None]
"""Told the class, its arguments and what it made of them."""


@contextmanager
def constructors_told(tell: Tell) -> Iterator[None]:
    """``nn.Parameter(x)`` and the like tell what they make."""

    def made(kind: type, *args: Any, **kwargs: Any) -> Any:
        out = type.__call__(kind, *args, **kwargs)
        tell(kind, args, kwargs, out)
        return out

    before = [(meta, vars(meta).get("__call__")) for meta in UNSEEN]
    for meta in UNSEEN:
        meta.__call__ = made
    try:
        yield
    finally:
        for meta, call in before:
            if call is None:
                del meta.__call__
            else:
                meta.__call__ = call
