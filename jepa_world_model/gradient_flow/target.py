"""The world model as a target of the audit: its modules, its losses, its three gates."""

from __future__ import annotations

import linecache
import re
from collections.abc import Callable, Collection, Iterable
from copy import deepcopy
from dataclasses import fields, replace
from functools import cache
from itertools import dropwhile, islice
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor
from torch.nn.utils import parametrize

from audits import Legend, Place, Target
from jepa_world_model import gradient
from jepa_world_model.data.spec import ActionKind, DataSpec
from jepa_world_model.losses import LOSSES, Loss, families
from jepa_world_model.losses.declaration import Read
from jepa_world_model.model import ROLES, WorldModel
from jepa_world_model.model_config import SMALLEST_IMAGE, Config
from jepa_world_model.states import Gates, States

if TYPE_CHECKING:
    from jepa_world_model.data.windows import Batch
    from jepa_world_model.training.trainer import Trainer

FRAMES, HORIZON, WINDOWS, ACTIONS = 6, 4, 3, 4
"""The shape that the lock file is written at: small, and deep enough for every term of every loss."""
WIDTH, HIDDEN = 8, 16
BATCHES = 3
POSE_STRIDE = 4.0
"""An untrained pose hardly moves, and a ranking loss that compares steps of no length says nothing."""

LEGEND = Legend(
    symbols={
        "z": "z",
        "h": "h",
        "gated_rollout.h": "h",
        "live_rollout.h": "h",
        "z_from_h": "ẑ",
        "z_hat": "ẑ",
        "gated_rollout.z": "ẑ",
        "live_rollout.z": "ẑ",
        "imagined_z": "ẑ",
        "p": "p",
        "dp": "Δp",
    },
    roles=ROLES,
    families={family: [loss.name for loss in losses] for family, losses in families().items()},
)
"""What is imagined is drawn with what it imagines."""


class ModelInputs(NamedTuple):
    """Frames x [B, T, C, H, W] in [0, 1], actions a [B, T, A] and, where the model sees one, proprioception s
    [B, T, P]."""

    x: Tensor
    a: Tensor
    s: Tensor | None = None


def jepa_target(
    config: Config,
    *,
    frames: int = FRAMES,
    horizon: int = HORIZON,
    windows: int = WINDOWS,
    width: int = WIDTH,
    batches: int = 1,
) -> Target:
    """An untrained world model as narrow as routing allows, on random frames, with all losses.

    Weights, numbers of layers and normalisations are those of `config`; the gates' defaults are the project's.
    Routes depend on `frames` and `horizon`, and not on the number of `windows` or the `width` of each layer.
    """
    size = max(config.model.stride, SMALLEST_IMAGE)
    spec = DataSpec(size, 3, ACTIONS, ActionKind.ONE_HOT)
    small = replace(
        config.model,
        image_size=size,
        encoder_widths=tuple(min(width, own) for own in config.model.encoder_widths),
        decoder_widths=tuple(min(width, own) for own in config.model.decoder_widths),
        h_dim=min(width, config.model.h_dim),
        pose_dim=config.model.pose_dim and min(width, config.model.pose_dim),
        hidden_width=min(HIDDEN, config.model.hidden_width),
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.train.seed)
        model = WorldModel(small, spec)
        given = [_random_batch(spec, windows, frames) for _ in range(batches)]
    with torch.no_grad():
        list(model.p_action_delta_projector.parameters())[-2].mul_(POSE_STRIDE)
    return _target(model, given, config, horizon)


def trained_target(run: Path, config: Config | None = None, *, batches: int = BATCHES) -> tuple[Target, Config]:
    """The model of a run at its trained weights, on windows of its data; and the run's config, or another one.

    Raises UserError when `run` is no run folder, or its weights do not fit the config.
    """
    from jepa_world_model.run import load_run

    config, model, given = load_run(run, batches, config)
    return _target(model, _prepared(config, given), config, config.train.rollout_horizon), config


def target_in_training(trainer: Trainer) -> Target:
    """A copy of the model that is being trained, at its present weights, on windows of its data.

    The copy is on the CPU and not compiled; whatever an audit does to it, training does not notice.
    """
    model = deepcopy(trainer.model).cpu().requires_grad_(True)
    batches = islice(trainer.validation.sequential(BATCHES * WINDOWS), BATCHES)
    every = _prepared(trainer.config, batches)
    few = [ModelInputs(x[:WINDOWS], a[:WINDOWS], None if s is None else s[:WINDOWS]) for x, a, s in every]
    return _target(model, few, trainer.config, trainer.config.train.rollout_horizon)


def _prepared(config: Config, batches: Iterable[Batch]) -> list[ModelInputs]:
    from jepa_world_model.training.objective import Objective

    objective = Objective(config, torch.device("cpu"))
    return [ModelInputs(objective.frames(batch), batch.actions, objective.body(batch)) for batch in batches]


def _target(model: WorldModel, batches: list[ModelInputs], config: Config, horizon: int) -> Target:
    def run(batch: ModelInputs, *, only: Collection[str] | None = None, **gates: bool) -> dict[str, Tensor]:
        dtype = next(model.parameters()).dtype
        s = None if batch.s is None else batch.s.to(dtype)
        states = States(model, batch.x.to(dtype), batch.a.to(dtype), gates=Gates(**gates), horizon=horizon, s=s)
        with parametrize.cached():
            return {name: loss(states) for name, loss in LOSSES.items() if only is None or name in only}

    return Target(
        model,
        run,
        batches=batches,
        gates={gate.name: (gate.default, not gate.default) for gate in fields(Gates)},
        name="jepa_world_model",
        weights={name: getattr(config.losses, name) for name in LOSSES},
        shape=_shape(batches[0], horizon),
        helpers=(gradient.__name__,),
        locate=declared_stop,
        states=(States,),
        legend=LEGEND,
        selective=True,
    )


def _shape(batch: ModelInputs, horizon: int) -> dict[str, int | bool]:
    return {
        "frames": batch[0].shape[1],
        "horizon": horizon,
    }


def _random_batch(spec: DataSpec, windows: int, frames: int) -> ModelInputs:
    """Noise with a bright dot in each frame [B, T, C, H, W], and one-hot actions with NOOPs [B, T, A]."""
    x = 0.3 * torch.rand(windows, frames, spec.channels, spec.image_size, spec.image_size)
    for frame in x.flatten(0, 1):
        row, column = torch.randint(0, spec.image_size - 3, (2,)).tolist()
        frame[:, row : row + 3, column : column + 3] = 1.0
    choices = torch.randint(0, ACTIONS + 1, (windows, frames))
    return ModelInputs(x, torch.eye(ACTIONS + 1, ACTIONS)[choices])


def declared_stop(frame: FrameType) -> Place | None:
    """A stop of a loss is declared in its signature: `sg_z` makes the cut, wherever `detach` is called."""
    caller: FrameType | None = frame
    while caller is not None and caller.f_globals.get("__name__") == gradient.__name__:
        caller = caller.f_back
    if caller is None or caller.f_code is not Read.of.__code__:
        return None
    read = caller.f_locals["self"]
    while caller is not None and caller.f_code is not Loss.__call__.__code__:
        caller = caller.f_back
    return _signature(caller.f_locals["self"].function, read.parameter) if caller else None


@cache
def _signature(function: Callable[..., Tensor], parameter: str) -> Place:
    code = function.__code__
    lines = enumerate(linecache.getlines(code.co_filename), start=1)
    below = ((number, line) for number, line in lines if number >= code.co_firstlineno)
    signature = dropwhile(lambda numbered: not numbered[1].startswith("def "), below)  # decorators come first
    number = next(number for number, line in signature if re.search(rf"\b{parameter}\b", line))
    return Place(code.co_filename, number, function.__module__, function.__name__, parameter)
