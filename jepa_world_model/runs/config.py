"""The settings of a run as its folder has them, and what is special about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jepa_world_model.settings import default_settings
from jepa_world_model.toml_values import read_toml

MACHINE = ("train.device", "train.precision", "train.threads")
"""Settings that say where a run ran rather than what it was about."""

Config = Mapping[str, Any]
"""By key, such as ``losses.jepa``, keys of other versions of the code too; empty where it cannot be read."""


def run_config(file: Path) -> Config:
    """All keys with their values, whatever version of the code wrote them. Raises UserError for what is no TOML."""
    given = {
        f"{table}.{key}": tuple(value) if isinstance(value, list) else value
        for table, keys in read_toml(file).items()
        if isinstance(keys, dict) and table != "accept"
        for key, value in keys.items()
    }
    return {**default_settings().values, **given}


def own_settings(configs: Sequence[Config]) -> tuple[Config, Sequence[Config]]:
    """Settings that are not the default ones: those that all runs share, and of each run those that it does not.

    Where all of them ran on the same kind of machine, it is left out.
    """
    defaults, readable = default_settings().values, _readable(configs)
    varying = set(varying_keys(configs))
    idle = set(MACHINE) - varying
    own = [
        {key: value for key, value in config.items() if key not in idle and not _same(value, defaults.get(key, ...))}
        for config in configs
    ]
    if len(readable) < 2:
        return {}, own
    shared = {key: value for each in own for key, value in each.items() if key not in varying}
    return shared, [{key: value for key, value in each.items() if key in varying} for each in own]


def varying_keys(configs: Sequence[Config]) -> list[str]:
    """Keys that have not the same value in all of the configs that can be read."""
    readable = _readable(configs)
    keys = dict.fromkeys(key for config in readable for key in config)
    return [key for key in keys if any(not _same(each.get(key), readable[0].get(key)) for each in readable)]


def _readable(configs: Sequence[Config]) -> list[Config]:
    return [config for config in configs if config]


def _same(one: Any, other: Any) -> bool:
    return one == other or str(one) == str(other)  # NaN is not itself
