"""How often the audit of a world model that nobody broke reports drift: python -m benchmarks.false_alarms

One audit a seed, at all gate settings. The seed draws the weights, the data, the shape, the mode and the precision of
the forward pass; every tenth model is a trained one. Prints each drift, and exits with 1 if there is any.
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from typer.testing import CliRunner

from audits import Comparison, Status, Target, against, audit
from jepa_cli.app import app
from jepa_world_model.config_file import load_config
from jepa_world_model.gradient_flow.target import FRAMES, HORIZON, WIDTH, WINDOWS, jepa_target, trained_target

AUDITS = 100
TABLE = Path("docs") / "gradient_flow.md"
TRAINED_STEPS = (1, 10, 100, 300)
TRAINED_EVERY = 10
SMALL_RUN = (
    "model.image_size=16",
    "model.encoder_widths=[8, 8]",
    "model.decoder_widths=[8, 8]",
    "model.h_dim=8",
    "model.hidden_width=16",
    "data.episodes=20",
    "data.episode_length=16",
    "train.batch_size=4",
    "train.device=cpu",
)

Losses = Mapping[str, Tensor]


class Precision(StrEnum):
    """Of the forward pass that is audited."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16 autocast"
    FLOAT64 = "float64"


@dataclass(frozen=True)
class Case:
    """One clean audit."""

    seed: int
    frames: int
    horizon: int
    windows: int
    width: int
    precision: Precision
    training: bool
    steps: int
    """Of training before it; 0 for a model as it is drawn."""

    @staticmethod
    def drawn(seed: int) -> Case:
        """The first case of all is what `jepa audit-grads` audits; every other one is drawn."""
        if seed == 0:
            return Case(0, FRAMES, HORIZON, WINDOWS, WIDTH, Precision.FLOAT32, training=True, steps=0)
        draw = random.Random(seed)
        trained = seed % TRAINED_EVERY == 1
        return Case(
            seed,
            frames=draw.randint(5, 8),
            horizon=draw.randint(3, 4),
            windows=draw.randint(2, 6),
            width=draw.randint(4, 16),
            precision=draw.choice(list(Precision)),
            training=draw.random() < 0.5,
            steps=draw.choice(TRAINED_STEPS) if trained else 0,
        )

    def target(self) -> Target:
        """The trainer to audit, at its precision and in its mode."""
        if self.steps:
            target, _ = trained_target(_run(self.steps, self.frames, self.horizon))
        else:
            config = load_config(overrides=[f"train.seed={self.seed}"])
            target = jepa_target(
                config, frames=self.frames, horizon=self.horizon, windows=self.windows, width=self.width
            )
        for module in target.root_modules:
            module.train(self.training)
            if self.precision is Precision.FLOAT64:
                module.double()
        return replace(target, losses=_autocast(target.losses)) if self.precision is Precision.BFLOAT16 else target

    @property
    def has_locked_shape(self) -> bool:
        return (self.frames, self.horizon, self.steps) == (FRAMES, HORIZON, 0)

    def __str__(self) -> str:
        weights = f"trained {self.steps} steps" if self.steps else f"width {self.width:2}"
        return (
            f"seed {self.seed:3}  T={self.frames} K={self.horizon} B={self.windows}  {weights:17}  "
            f"{self.precision:17}  {'train' if self.training else 'eval'}"
        )


def compared(case: Case) -> Comparison:
    """The audit of a case at all gate settings, against the documented flow; routes only at the locked shape."""
    return against(audit(case.target(), settings="all"), TABLE, shape_matters=case.has_locked_shape)


def _autocast(losses: Callable[..., Losses]) -> Callable[..., Losses]:
    def in_bfloat16(*batch: Any, **gates: Any) -> Losses:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return losses(*batch, **gates)

    return in_bfloat16


@cache
def _run(steps: int, frames: int, horizon: int) -> Path:
    """A run folder of a model that was trained for some steps."""
    run = Path(_runs().name) / f"{steps}-{frames}-{horizon}"
    lengths = (f"train.steps={steps}", f"train.sequence_length={frames}", f"train.rollout_horizon={horizon}")
    settings = itertools.chain.from_iterable(("--set", setting) for setting in (*SMALL_RUN, *lengths))
    result = CliRunner().invoke(app, ["train", *settings, "--out", str(run)], catch_exceptions=False)
    if result.exit_code:
        raise RuntimeError(f"training ended with {result.exit_code}: {result.output}")
    return run


@cache
def _runs() -> tempfile.TemporaryDirectory[str]:
    """A folder that is gone when the program ends."""
    return tempfile.TemporaryDirectory(prefix="false_alarms_")


def main(count: int = AUDITS, first: int = 0) -> int:
    """The number of audits that report drift."""
    torch.set_num_threads(1)
    alarms, statuses, locked = 0, Counter[Status](), 0
    for seed in range(first, first + count):
        case = Case.drawn(seed)
        comparison = compared(case)
        alarms += not comparison.passed
        locked += case.has_locked_shape
        statuses.update(cell.status for _, cell in comparison.audit.cells())
        print(f"{case}  {f'{len(comparison.drifts)} drifts' if comparison.drifts else 'as documented'}", flush=True)
        for drift in comparison.drifts:
            print(f"    {drift}\n      at {'; '.join(drift.settings)}", flush=True)
    print(f"{alarms} of {count} clean audits report drift; routes compared in {locked} of them")
    print("cells: " + ", ".join(f"{number} {status}" for status, number in statuses.most_common()))
    return alarms


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--count", type=int, default=AUDITS, help="number of audits")
    parser.add_argument("--first", type=int, default=0, help="seed of the first one")
    arguments = parser.parse_args()
    sys.exit(1 if main(arguments.count, arguments.first) else 0)
