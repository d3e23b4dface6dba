"""The files of a run by name, read without torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from audits.files import open_file
from jepa_world_model.locks import locked
from jepa_world_model.runs.untrusted import moment, number, read_object, text, whole

RUNNING, FINISHED, INTERRUPTED, FAILED = "running", "finished", "interrupted", "failed"
HEADER_SIZE, FACTS = 8, "jepa"
"""Bytes that say how long the header of a safetensors file is, and the key of its metadata that holds our facts."""


class RunFiles:
    """Where everything is in the folder of a run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config = path / "config.toml"
        self.metrics = path / "metrics.jsonl"
        self.gradients = path / "gradients.jsonl"
        self.weights = path / "weights.safetensors"
        self.best = path / "best.safetensors"
        self.checkpoint_folder = path / "checkpoints"
        self.embeddings = path / "embeddings"
        self.status = path / "status.json"
        self.summary = path / "summary.md"
        self.evaluation = path / "evaluation.json"
        self.evaluation_page = path / "evaluation.html"
        self.ablation = path / "ablation.json"
        self.ablation_page = path / "ablation.html"
        self.pictures = path / "pictures"
        self.tensorboard = path / "tensorboard"


def read_status(run: RunFiles) -> dict[str, Any]:
    """What status.json says, of the types that it is written with; without what is missing or of another type."""
    told = read_object(run.status)
    found = {
        "state": told.get("state") if told.get("state") in (RUNNING, FINISHED, INTERRUPTED, FAILED) else None,
        "step": whole(told.get("step")),
        "steps": whole(told.get("steps")),
        "seconds": number(told.get("seconds")),
        "started": moment(told.get("started")),
        "updated": moment(told.get("updated")),
        "host": text(told.get("host")) or None,
        "reason": text(told.get("reason")) or None,
    }
    return {key: value for key, value in found.items() if value is not None}


def is_held(config: Path) -> bool | None:
    """Whether some process trains into the folder of this config; None where that cannot be known."""
    try:
        with open_file(config) as file:
            alone = locked(file.fileno(), shared=True)
    except OSError:
        return None
    return None if alone is None else not alone
