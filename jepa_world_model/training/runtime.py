"""The resources of a run: device, precision, threads, memory."""

import ctypes
import os
import random
import sys
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

import numpy as np
import torch

from jepa_world_model import processes
from jepa_world_model.errors import UserError
from jepa_world_model.model_config import Config, TrainConfig

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
MOST_THREADS = 8


@dataclass(frozen=True)
class Runtime:
    """A device and the precision in which the forward pass runs there."""

    device: torch.device
    dtype: torch.dtype

    def autocast(self) -> AbstractContextManager[object]:
        """Lower precision where it is asked for; parameters and losses stay float32."""
        return torch.autocast(self.device.type, dtype=self.dtype, enabled=self.dtype != torch.float32)


def resolve(config: Config) -> Config:
    """Every `auto` replaced by what this machine has, so that the stored config says what really ran.

    Raises UserError when the asked device is not there.
    """
    train = config.train
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    device = train.device if train.device != "auto" else next(name for name, there in available.items() if there)
    if not available[device]:
        there = ", ".join(name for name, is_there in available.items() if is_there)
        raise UserError(f"train.device: {device!r} is not available on this machine, found {there}")
    precision = train.precision
    if precision == "auto":
        precision = "bfloat16" if device == "cuda" and torch.cuda.is_bf16_supported() else "float32"
    resolved = replace(train, device=device, precision=precision, threads=train.threads or default_threads())
    return replace(config, train=resolved)


def default_threads() -> int:
    """Half of the cores, at least one. A thread that shares its core delays all others."""
    return min(MOST_THREADS, max(1, (os.cpu_count() or 1) // 2))


def prepare(train: TrainConfig) -> Runtime:
    """Set threads, seed, determinism and allocator for a resolved config."""
    torch.set_num_threads(train.threads)
    random.seed(train.seed)
    np.random.seed(train.seed)
    torch.manual_seed(train.seed)
    repeat_exactly(train.deterministic)
    if train.device == "cpu":
        keep_freed_memory()
    device = torch.device(train.device, processes.local_rank()) if train.device == "cuda" else train.device
    return Runtime(torch.device(device), getattr(torch, train.precision))


def repeat_exactly(asked: bool) -> None:
    """Ask torch for algorithms that give the same bits each time; one that has none warns.

    On a CPU all of them do anyway. Memory is not filled before it is written: nothing here reads what it did not write.
    """
    if asked:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(asked, warn_only=True)
    torch.backends.cudnn.benchmark = not asked
    torch.utils.deterministic.fill_uninitialized_memory = False  # pyright: ignore[reportAttributeAccessIssue]


def keep_freed_memory() -> None:
    """Tell glibc to reuse freed blocks instead of returning them to the system.

    A training step frees and asks again for the same tensors of several megabytes; by default each of them is mapped
    and zeroed by the kernel again. Does nothing except on Linux with glibc.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, 32 * 2**20)
        mallopt(M_TRIM_THRESHOLD, 2**30)
