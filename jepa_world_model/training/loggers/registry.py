"""Loggers by the name that `--log` takes. A service is imported only when it is asked for."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from jepa_world_model.errors import UserError, nearest

if TYPE_CHECKING:
    from jepa_world_model.training.loggers.logger import Logger

LOGGERS = {"tensorboard": "TensorBoard", "wandb": "WandB", "mlflow": "MLflow"}
"""By name, which is also that of its file: its class."""


def loggers_named(names: Iterable[str], warn: Callable[[str], Any] = warnings.warn) -> list[Logger]:
    """One logger for each name. Raises UserError for a name that does not exist, or a package that is not installed."""
    names = list(dict.fromkeys(names))
    for name in names:
        if name not in LOGGERS:
            raise UserError(f"--log {name}: {nearest(name, LOGGERS)}")
    return [getattr(import_module(f"{__package__}.{name}"), LOGGERS[name])(warn) for name in names]
