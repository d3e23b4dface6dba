"""The files of a run by name, read without torch."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

RUNNING, FINISHED, INTERRUPTED, FAILED = "running", "finished", "interrupted", "failed"
CHECKPOINTS = "step-*.safetensors"
HEADER_SIZE, FACTS = 8, "jepa"
"""Bytes that say how long the header of a safetensors file is, and the key of its metadata that holds our facts."""
PATIENCE = 0.3
"""Seconds. A test of the lock holds it for an instant."""


class RunFiles:
    """Where everything is in the folder of a run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config = path / "config.toml"
        self.metrics = path / "metrics.jsonl"
        self.weights = path / "weights.safetensors"
        self.best = path / "best.safetensors"
        self.checkpoint_folder = path / "checkpoints"
        self.embeddings = path / "embeddings"
        self.status = path / "status.json"
        self.summary = path / "summary.md"
        self.evaluation = path / "evaluation.json"
        self.evaluation_page = path / "evaluation.html"
        self.pictures = path / "pictures"
        self.tensorboard = path / "tensorboard"


def read_status(run: RunFiles) -> dict[str, Any]:
    """What status.json says; nothing where there is none, or none that can be read."""
    try:
        status = json.loads(run.status.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return status if isinstance(status, dict) else {}


def is_held(config: Path) -> bool | None:
    """Whether some process trains into the folder of this config; None where that cannot be known."""
    try:
        with config.open("rb") as file:
            locked = _locked(file.fileno(), shared=True)
    except OSError:
        return None
    return None if locked is None else not locked


def hold(descriptor: int) -> bool:
    """Lock a file until it is closed, by whatever end of the process; where there are no locks, it counts as locked."""
    until = time.monotonic() + PATIENCE
    while _locked(descriptor) is False:
        if time.monotonic() > until:
            return False
        time.sleep(PATIENCE / 10)
    return True


def _locked(descriptor: int, *, shared: bool = False) -> bool | None:
    """Whether this process got the lock; None where the system or the file system has no locks."""
    try:
        import fcntl
    except ImportError:
        return None
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True
