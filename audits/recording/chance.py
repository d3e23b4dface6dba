"""Whether the numbers in tensors decide what a forward pass does: only there can random ones lead another way."""

from __future__ import annotations

import os
from collections.abc import Callable
from types import FrameType
from typing import Any

import torch
from torch import Tensor

from audits.recording.source_lines import TORCH

SHAPED = frozenset(
    {torch.nonzero, Tensor.nonzero, torch.masked_select, Tensor.masked_select, torch.argwhere, Tensor.argwhere}
    | {torch.unique, Tensor.unique, torch.unique_consecutive, Tensor.unique_consecutive}
    | {torch.repeat_interleave, Tensor.repeat_interleave, torch.bincount, Tensor.bincount}
)
"""What gives more or less, depending on the numbers that it takes."""
HARMLESS = frozenset(
    {"__get__", "__len__", "__hash__"}
    | {"size", "dim", "ndimension", "numel", "nelement", "stride", "storage_offset", "element_size"}
    | {"is_contiguous", "is_floating_point", "is_complex", "is_signed", "is_conj", "is_neg", "is_inference"}
    | {"is_same_size", "is_pinned", "is_shared", "get_device", "untyped_storage", "data_ptr", "register_hook"}
    | {"result_type", "promote_types", "can_cast", "broadcast_shapes"}
)
"""Names of what tells of a tensor something else than its numbers."""
CHECKING = tuple(os.path.join(TORCH, folder, "") for folder in ("nn", "distributions"))
"""Where torch goes the same way whatever it draws."""


def decides(func: Callable, args: tuple, out: Any) -> bool:
    """Whether an operation on tensors gave a number or a shape that Python may act on."""
    if func in SHAPED or (func in (torch.where, Tensor.where) and not isinstance(out, Tensor)):
        return True
    if func is Tensor.__getitem__:
        return any(isinstance(each, Tensor) and each.dtype in (torch.bool, torch.uint8) for each in _flat(args[1:]))
    if isinstance(out, Tensor) or out is None:
        return False
    if isinstance(out, tuple | list) and all(each is None or isinstance(each, Tensor) for each in out):
        return False
    return getattr(func, "__name__", "") not in HARMLESS


def only_checks(frame: FrameType | None) -> bool:
    """Whether a frame is one of torch's own that look at numbers to refuse them, such as those of a distribution."""
    return frame is not None and frame.f_code.co_filename.startswith(CHECKING)


def is_scripted() -> bool:
    """Whether this process has functions of TorchScript, which decide out of Python's sight."""
    unit = getattr(torch.jit._state, "_python_cu", None)  # pyright: ignore[reportAttributeAccessIssue]
    return unit is None or bool(unit.get_functions())


def _flat(values: Any) -> list[Any]:
    return [each for value in values for each in (_flat(value) if isinstance(value, tuple | list) else [value])]
