"""What an operation does to the routes that meet in it: adds them up, multiplies them, picks a part, or mixes them.

A loss is a sum of terms, and what a term compares with what is part of the routing. Whether the terms are written with
`mse_loss` or as a product is not.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from functools import cache
from typing import Any

import torch
from torch import Tensor


class Operation(Enum):
    """How the sources of a result follow from those of its operands."""

    MIX = "mix"
    """All of them together: a product, a norm, a loss function."""
    SUM = "sum"
    """Side by side: a sum, a mean, a concatenation."""
    MULTIPLY = "multiply"
    """Each term of one with each of the other: a product of sums is a sum of products."""
    DIVIDE = "divide"
    """The same, but the divisor is one term."""
    VIEW = "view"
    """The same numbers, or some of them."""
    PICK = "pick"
    """Some of the numbers, chosen by an index that is a tensor, or put in another order."""
    NOISE = "noise"
    """Random numbers."""


SUMS = (
    "add radd iadd sub rsub isub subtract neg negative sum mean nansum nanmean stack cat concat concatenate hstack"
    " vstack dstack row_stack column_stack cumsum diff pad repeat repeat_interleave tile to type half"
    " bfloat16 cpu cuda type_as clone broadcast_to broadcast_tensors"
    " setitem copy requires_grad index_copy index_add scatter scatter_add atleast_1d atleast_2d trace"
)
PRODUCTS = (
    "mul rmul imul multiply where masked_fill masked_select lerp matmul rmatmul mm bmm mv dot vdot inner outer einsum"
    " tensordot kron"
)
QUOTIENTS = "div idiv divide truediv itruediv true_divide"
VIEWS = (
    "getitem narrow select unbind chunk split tensor_split split_with_sizes detach data view view_as unflatten"
    " transpose swapaxes swapdims permute movedim moveaxis t T mT H mH squeeze unsqueeze ravel reshape flatten"
    " as_strided diagonal real imag alias expand expand_as hsplit vsplit dsplit contiguous to float double"
)
PICKS = "index_select gather take take_along_dim roll flip fliplr flipud rot90"
RANDOM = (
    "rand randn randint randperm rand_like randn_like randint_like normal bernoulli multinomial poisson uniform"
    " random exponential log_normal cauchy geometric gumbel_softmax rrelu"
)
DROPOUT = "dropout alpha_dropout feature_alpha_dropout dropout1d dropout2d dropout3d feature_dropout"

TABLE = {
    **dict.fromkeys(SUMS.split(), Operation.SUM),
    **dict.fromkeys(PRODUCTS.split(), Operation.MULTIPLY),
    **dict.fromkeys(QUOTIENTS.split(), Operation.DIVIDE),
    **dict.fromkeys(VIEWS.split(), Operation.VIEW),
    **dict.fromkeys(PICKS.split(), Operation.PICK),
    **dict.fromkeys(RANDOM.split(), Operation.NOISE),
}
DROPPING = frozenset(DROPOUT.split())


@cache
def name_of(function: Callable) -> str:
    """``add`` of ``Tensor.add_`` and ``Tensor.__iadd__`` alike; the attribute's name of a property."""
    name = getattr(function, "__name__", "")
    if name == "__get__":
        name = getattr(getattr(function, "__self__", None), "__name__", "")
    return name.strip("_")


def operation(function: Callable, args: tuple, kwargs: dict | None) -> Operation:
    """What kind of operation a call of torch is; whatever is not known mixes."""
    name = name_of(function)
    if name in DROPPING:
        return Operation.NOISE if _drops(args, kwargs or {}) else Operation.SUM
    return TABLE.get(name, Operation.MIX)


def _drops(args: tuple, kwargs: dict) -> bool:
    rate = kwargs.get("p", args[1] if len(args) > 1 else 0.5)
    return bool(rate) and bool(kwargs.get("training", args[2] if len(args) > 2 else True))


def picked_by_number(args: tuple) -> bool:
    """Whether an index is made of numbers, slices and lists alone, so that the text of it says what it takes."""
    return len(args) == 2 and not any(isinstance(part, Tensor) for part in _parts(args[1]))


def _parts(index: Any) -> tuple:
    return index if isinstance(index, tuple) else (index,)


def shares_memory(one: Tensor, other: Tensor) -> bool:
    """Whether one is a view of the other, or both of a third."""
    try:
        return one.untyped_storage()._cdata == other.untyped_storage()._cdata
    except (RuntimeError, NotImplementedError):  # a tensor without memory of its own: sparse, or inside of a transform
        return False


def is_plain(tensor: Tensor) -> bool:
    return tensor.layout == torch.strided and not tensor.is_nested
