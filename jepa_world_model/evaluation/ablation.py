"""What a config is to be trained without: a loss, or a gate in its other position."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jepa_world_model.config_file import config_of, values_of
from jepa_world_model.errors import UserError, nearest
from jepa_world_model.losses import LOSSES
from jepa_world_model.model_config import Config
from jepa_world_model.record import record

ALL = "all"
UNCHANGED = "unchanged"


@dataclass(frozen=True)
class Variant:
    """A config to be trained, next to the unchanged one."""

    name: str
    """Of the loss or the gate, or `UNCHANGED`."""
    change: str
    """In words, such as ``without jepa``."""
    config: Config


@dataclass(frozen=True)
class AblationPlan:
    """What an ablation trains."""

    variants: tuple[Variant, ...]
    """The unchanged config first."""
    impossible: dict[str, str]
    """By name of a loss of `ALL`: why the config cannot be without it."""


def planned(config: Config, names: Sequence[str], steps: int) -> AblationPlan:
    """The variants of a config, each trained for so many steps.

    `names` are losses that the config enables and gates; `ALL` stands for every enabled loss. Raises UserError for
    another name, and for a variant that cannot be trained.
    """
    short = _changed(config, UNCHANGED, {"train.steps": steps})
    variants, impossible = [Variant(UNCHANGED, UNCHANGED, short)], {}
    for name in dict.fromkeys(names):
        if name != ALL:
            variants.append(_variant(short, name))
            continue
        for loss in short.losses.enabled:
            try:
                variants.append(_variant(short, loss))
            except UserError as reason:
                impossible[loss] = str(reason)
    chosen = {variant.name: variant for variant in variants}
    return AblationPlan(tuple(chosen.values()), impossible)


def _variant(config: Config, name: str) -> Variant:
    gates = record().gates
    if name in gates:
        value = not config.gates[name]
        return Variant(name, f"{name} = {str(value).lower()}", _changed(config, name, {gates[name]: value}))
    if name not in LOSSES:
        raise UserError(f"--ablate {name}: {nearest(name, [ALL, *config.losses.enabled, *gates])}")
    if name not in config.losses.enabled:
        raise UserError(f"--ablate {name}: the run was trained without it (losses.{name} is 0)")
    return Variant(name, f"without {name}", _changed(config, name, {f"losses.{name}": 0.0}))


def _changed(config: Config, name: str, values: dict[str, object]) -> Config:
    """A config with other values. Raises UserError that begins with the option."""
    option = "--ablate-steps" if name == UNCHANGED else f"--ablate {name}"
    try:
        changed = config_of({**values_of(config), **values})
    except UserError as refused:
        raise UserError(f"{option}: {refused}") from refused
    if not changed.phases:
        raise UserError(f"{option}: nothing would be trained")
    return changed
