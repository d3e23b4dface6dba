"""Names of the world model that a shell offers, read without torch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def losses() -> list[str]:
    """``enabled``, ``all`` and every loss."""
    from jepa_world_model.record import record

    routing = next(iter(record().settings.values()))
    return ["enabled", "all", *routing.updates]


def gates() -> list[str]:
    """``default``, ``all`` and every gate with its values."""
    from jepa_world_model.record import record

    return ["default", "all", *(f"{gate}={value}" for gate in record().gates for value in ("true", "false"))]


def settings() -> Iterator[str]:
    """Every key of a config: ``losses.jepa=``, and ``train.compile=true`` where there are few values."""
    for key, schema in _schema():
        for value in _values(schema) or [""]:
            yield f"{key}={value}"


def devices() -> list[str]:
    """The values of ``train.device``."""
    return next(_values(schema) for key, schema in _schema() if key == "train.device")


def services() -> list[str]:
    """What a run can be logged to."""
    from jepa_world_model.training.loggers.registry import LOGGERS

    return list(LOGGERS)


def planners() -> list[str]:
    """What `--planners` may name."""
    from jepa_world_model.evaluation.planning.planner_names import NAMES

    return list(NAMES)


def walkers() -> list[str]:
    """What `--planner` may name: planners that use the model alone."""
    from jepa_world_model.evaluation.planning.planner_names import WALKERS

    return list(WALKERS)


def ablated() -> list[str]:
    """What `--ablate` may name."""
    from jepa_world_model.record import record

    routing = next(iter(record().settings.values()))
    return ["all", *routing.updates, *record().gates]


def _schema() -> Iterator[tuple[str, dict[str, Any]]]:
    """By key, such as ``losses.jepa``."""
    import json
    from importlib.resources import files

    schema = json.loads((files("jepa_world_model") / "config.schema.json").read_text(encoding="utf-8"))
    for table, reference in schema["properties"].items():
        definition = schema["$defs"].get(reference.get("$ref", "").rpartition("/")[2], {})
        for key, value in definition.get("properties", {}).items():
            yield f"{table}.{key}", value


def _values(schema: dict[str, Any]) -> list[str]:
    return ["true", "false"] if schema.get("type") == "boolean" else schema.get("enum", [])
