"""The states of every random generator that a run may use, as tensors."""

import math
import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor


def random_states(device: torch.device) -> dict[str, Tensor]:
    """The generators of torch (CPU, and `device`), Python and NumPy."""
    states = {"torch": torch.get_rng_state()}
    if device.type != "cpu":
        states[device.type] = _accelerator(device).get_rng_state()
    _, words, second = random.getstate()
    states |= {"python": torch.tensor(words), "python_gauss": _optional(second)}
    numpy: Any = np.random.get_state(legacy=True)
    _, key, position, has_gauss, gauss = numpy
    states |= {"numpy": torch.tensor([*key.tolist(), position]), "numpy_gauss": _optional(gauss if has_gauss else None)}
    return states


def restore_random_states(states: Mapping[str, Tensor], device: torch.device) -> None:
    """Restore what `random_states` returned."""
    torch.set_rng_state(states["torch"])
    if device.type in states:
        _accelerator(device).set_rng_state(states[device.type])
    gauss = float(states["python_gauss"])
    random.setstate((3, tuple(states["python"].tolist()), None if math.isnan(gauss) else gauss))
    gauss = float(states["numpy_gauss"])
    *words, position = states["numpy"].tolist()
    key = np.array(words, dtype=np.uint32)
    np.random.set_state(("MT19937", key, position, not math.isnan(gauss), 0.0 if math.isnan(gauss) else gauss))


def _accelerator(device: torch.device):
    return {"cuda": torch.cuda, "mps": torch.mps}[device.type]


def _optional(number: float | None) -> Tensor:
    """A scalar, float64; NaN is none."""
    return torch.tensor(math.nan if number is None else number, dtype=torch.float64)
