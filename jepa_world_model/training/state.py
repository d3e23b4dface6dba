"""The whole state of a trainer as a checkpoint, and back, bit for bit.

Learning rate and batches are functions of the step, so they need no state of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from jepa_world_model import processes
from jepa_world_model.config_file import validated, values_of
from jepa_world_model.data import EpisodeSource
from jepa_world_model.errors import UserError
from jepa_world_model.model_config import Config
from jepa_world_model.phases import phase_at
from jepa_world_model.training.checkpoints import Checkpoint
from jepa_world_model.training.fit import check_fit, listed
from jepa_world_model.training.random_states import random_states, restore_random_states

if TYPE_CHECKING:
    from jepa_world_model.training.trainer import Trainer

FORMAT = 1
MODEL, OPTIMIZER, RANDOM = "model.", "optimizer.", "random."
FREE = ("train.device", "train.threads", "train.keep_checkpoints")
"""Settings that may change when a run is resumed. Another device or number of threads may round differently."""


def checkpoint_of(trainer: Trainer, **progress: Any) -> Checkpoint:
    """Weights, optimizer and random generators; `progress` is kept as it is, and must be JSON."""
    tensors = _prefixed(MODEL, trainer.model.state_dict())
    for name, parameter in trainer.named_parameters.items():
        tensors |= _prefixed(f"{OPTIMIZER}{name}.", trainer.optimizer.state.get(parameter, {}))
    tensors |= _prefixed(RANDOM, random_states(trainer.runtime.device))
    return Checkpoint(tensors, {"format": FORMAT, "step": trainer.done, **_circumstances(trainer), **progress})


def restore(trainer: Trainer, checkpoint: Checkpoint, name: str) -> list[str]:
    """Restore a checkpoint. Returns messages about what may make the run continue differently.

    Raises UserError that lists each difference when the checkpoint is of another format, config, data set, number of
    processes or shape; the trainer is untouched then.
    """
    facts, here = checkpoint.facts, _circumstances(trainer)
    config = _later_settings(here["config"]) | facts["config"]
    if facts.get("format") != FORMAT:
        raise UserError(f"{name}: expected a checkpoint of format {FORMAT}, found {facts.get('format')!r}")
    if facts["processes"] != here["processes"]:
        before = facts["processes"]
        how = "jepa train" if before == 1 else f"torchrun --nproc-per-node {before} -m jepa_cli train"
        raise UserError(
            f"{name}: the run was trained by {before} process{'es' if before > 1 else ''}, found {here['processes']}. "
            f"Sums round otherwise in other numbers; go on with {how} --resume RUN"
        )
    differences = [*_differences(config, here["config"], FREE), *_differences(facts["data"], here["data"])]
    if differences:
        raise UserError(listed(f"{name} was saved under other circumstances, so the run cannot go on", differences))
    trainer.model.normalise_actions_as(_without(MODEL, checkpoint.tensors), trainer.model.data.action_width)
    trainer.enter(phase_at(trainer.phases, facts["step"]))
    check_fit(f"{name} does not fit the model", dict(_expected(trainer)), checkpoint.tensors)

    trainer.model.load_state_dict(_without(MODEL, checkpoint.tensors))
    for parameter_name, parameter in trainer.named_parameters.items():
        stored = _without(f"{OPTIMIZER}{parameter_name}.", checkpoint.tensors)
        if stored:
            trainer.optimizer.state[parameter] = {key: _like(parameter, value) for key, value in stored.items()}
    restore_random_states(_without(RANDOM, checkpoint.tensors), trainer.runtime.device)
    trainer.done = facts["step"]
    trainer.remember_buffers()
    changed = [
        *_differences({"torch": facts["torch"]}, {"torch": here["torch"]}),
        *_differences({key: facts["config"][key] for key in FREE[:2]}, {key: here["config"][key] for key in FREE[:2]}),
    ]
    return [f"{change}: from here on the last bits may differ from those of a run in one go" for change in changed]


def data_facts(source: EpisodeSource) -> dict[str, Any]:
    """What distinguishes data sets, without reading their frames."""
    spec = {key: value for key, value in asdict(source.spec).items() if key != "action_names"}
    if not source.spec.proprioception_width:
        del spec["proprioception_width"]  # which checkpoints of an earlier version do not know
    return {"trajectories": len(source), "frames": int(source.lengths.sum()), **spec}


def config_facts(config: Config) -> dict[str, Any]:
    """All settings by key, as JSON has them."""
    return {key: _plain(value) for key, value in values_of(config).items()}


def _circumstances(trainer: Trainer) -> dict[str, Any]:
    return {
        "torch": torch.__version__,
        "processes": processes.count(),
        "data": data_facts(trainer.source),
        "config": config_facts(trainer.config),
    }


def _later_settings(known: Mapping[str, Any]) -> dict[str, Any]:
    """What an earlier version did, that did not know a setting: as its declared default says."""
    declared = config_facts(validated({}, preset="reference"))
    return {key: value for key, value in declared.items() if key in known}


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _differences(before: Mapping[str, Any], now: Mapping[str, Any], free: tuple[str, ...] = ()) -> list[str]:
    keys = [key for key in {**before, **now} if key not in free and before.get(key) != now.get(key)]
    return [f"{key}: expected {before.get(key)}, found {now.get(key)}" for key in keys]


def _expected(trainer: Trainer) -> Iterator[tuple[str, list[int]]]:
    """Every tensor of a checkpoint at any step but the first, with its shape."""
    for name, tensor in trainer.model.state_dict().items():
        yield f"{MODEL}{name}", list(tensor.shape)
    for name, parameter in trainer.named_parameters.items():
        yield f"{OPTIMIZER}{name}.step", []
        yield from ((f"{OPTIMIZER}{name}.{key}", list(parameter.shape)) for key in ("exp_avg", "exp_avg_sq"))
    for name, tensor in random_states(trainer.runtime.device).items():
        yield f"{RANDOM}{name}", list(tensor.shape)


def _like(parameter: Tensor, value: Tensor) -> Tensor:
    """On the device of a parameter, and in its memory format, as the optimizer makes it."""
    if value.dim() == 0:
        return value.to(parameter.device)
    return torch.empty_like(parameter, memory_format=torch.preserve_format).copy_(value)


def _prefixed(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}{name}": tensor for name, tensor in tensors.items()}


def _without(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
