"""A step reads no number back: on a GPU each such read waits for all that was asked of it before."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from jepa_world_model.model_config import Config
from jepa_world_model.run import open_config_source
from jepa_world_model.training.runtime import prepare, resolve
from jepa_world_model.training.trainer import Trainer

BuildConfig = Callable[..., Config]
READS = ("aten::_local_scalar_dense", "aten::nonzero", "aten::equal", "aten::masked_select", "aten::unique")


class Reads(TorchDispatchMode):
    """Keeps the name of each operation whose result the CPU must know."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.name().startswith(READS):
            self.found.append(func.name())
        return func(*args, **(kwargs or {}))


def reads_of_a_step(trainer: Trainer) -> list[str]:
    trainer.step(trainer.sampler.batch(0))  # what is made once may be read
    with Reads() as reads:
        trainer.step(trainer.sampler.batch(1))
    return reads.found


@pytest.mark.parametrize("preset", ["reference", "recommended"])
def test_no_step_of_any_phase_reads_a_number(preset: str, small_config: BuildConfig) -> None:
    config = resolve(small_config(f"preset={preset}", "train.steps=20", "train.sequence_length=8"))
    trainer = Trainer(config, open_config_source(config), prepare(config.train))
    for phase in trainer.phases:
        trainer.enter(phase)
        if phase.embedded:
            trainer.embed(lambda episode: np.zeros((len(trainer.source[episode].frames), config.model.z_dim), "f4"))
        assert reads_of_a_step(trainer) == [], phase


def test_a_read_is_noticed() -> None:
    with Reads() as reads:
        torch.ones(2).sum().item()
        bool(torch.ones(()))
    assert len(reads.found) == 2
