"""Random generators, put back as they were."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from audits.isolation.reachable import is_array

Undo = Callable[[], None]


@contextmanager
def random_state_kept(seed: int) -> Iterator[None]:
    """Python's, NumPy's and torch's global generators start at `seed` inside, and are as before afterwards."""
    numpy = sys.modules.get("numpy")
    python, arrays, cpu = random.getstate(), numpy and numpy.random.get_state(), torch.get_rng_state()
    devices = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    random.seed(seed)
    torch.manual_seed(seed)
    if numpy:
        numpy.random.seed(seed)
    try:
        yield
    finally:
        random.setstate(python)
        if numpy:
            numpy.random.set_state(arrays)
        torch.set_rng_state(cpu)
        if devices:
            torch.cuda.set_rng_state_all(devices)


def drawn_state() -> tuple[bytes, Any]:
    """Something that is another after a random number was drawn on the CPU: by torch, and by Python or NumPy."""
    numpy = sys.modules.get("numpy")
    arrays = numpy.random.get_state() if numpy else ()
    kept = [part.tobytes() if is_array(type(part)) else part for part in arrays]
    return torch.get_rng_state().numpy().tobytes(), (random.getstate(), kept)


def generator_undo(value: Any) -> Undo | None:
    """What puts a generator that somebody keeps for himself back; None for anything else."""
    if isinstance(value, torch.Generator):
        state = value.get_state()
        return lambda: value.set_state(state) and None
    if isinstance(value, random.Random):
        python = value.getstate()
        return lambda: value.setstate(python)
    if type(value).__module__.startswith("numpy.random") and hasattr(value, "set_state"):  # RandomState
        legacy = value.get_state()
        return lambda: value.set_state(legacy)
    bits = getattr(value, "bit_generator", None)  # numpy.random.Generator
    if bits is not None and hasattr(bits, "state"):
        array = bits.state
        return lambda: setattr(bits, "state", array)
    return None
