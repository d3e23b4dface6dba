"""What the folder of a run says about it. Of a damaged folder, what can be read."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from audits.files import read_file
from jepa_world_model.errors import UserError
from jepa_world_model.runs.config import Config, run_config
from jepa_world_model.runs.files import RUNNING, RunFiles, is_held, read_status
from jepa_world_model.runs.metrics import Row, newest
from jepa_world_model.runs.progress import Progress, progress
from jepa_world_model.runs.untrusted import whole

KILLED, UNKNOWN = "killed", "unknown"
STALE = 600.0
"""Seconds. A run whose lock cannot be seen from here is believed to run if its status is not older."""
SUMMARY = re.compile(r"# .*: (finished|interrupted) after \d+ of \d+ steps")


@dataclass(frozen=True)
class RunRecord:
    """What is known of a run from its folder. None where it is not known."""

    path: Path
    config: Config
    state: str
    reason: str
    """Why it failed."""
    step: int | None
    steps: int | None
    progress: Progress
    seconds: float | None
    updated: datetime | None
    problems: tuple[str, ...] = ()
    """What is broken or missing, in words."""

    @property
    def name(self) -> str:
        return self.path.resolve().name

    @property
    def weights(self) -> dict[str, Any]:
        """Of all losses that are enabled."""
        return {key: value for key, value in self.config.items() if key.startswith("losses.") and value}


def run_records(folder: Path) -> list[RunRecord]:
    """Of all run folders in a folder, by name; of a run folder, its own. Raises UserError for what is no folder."""
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise UserError(f"folder {folder} {what}: expected one that holds run folders. jepa train makes them in runs")
    if is_run(folder):
        return [run_record(folder)]
    try:
        paths = sorted(folder.iterdir())
    except OSError as error:
        raise UserError(f"folder {folder} cannot be read: {error.strerror or error}") from error
    return [run_record(path) for path in paths if is_run(path)]


def is_run(folder: Path) -> bool:
    """Whether a folder holds a config."""
    return os.path.isfile(RunFiles(folder).config)


def run_record(folder: Path) -> RunRecord:
    """What is known of the run in a folder."""
    run, config, problems = RunFiles(folder), {}, []
    try:
        config = run_config(run.config)
    except UserError as mistake:
        problems.append(str(mistake))
    status, row, found = read_status(run), newest(run.metrics), progress(run, config)
    updated = _updated(run, status)
    return RunRecord(
        path=folder,
        config=config,
        state=_state(run, status, updated),
        reason=status.get("reason", ""),
        step=max(status.get("step", 0), row["step"] if row else 0) if status or row else None,
        steps=whole(config.get("train.steps", status.get("steps"))) or None,
        progress=found,
        seconds=status.get("seconds"),
        updated=updated,
        problems=(*problems, *_problems(run, config, status, row, found)),
    )


def _problems(run: RunFiles, config: Config, status: Mapping[str, Any], row: Row | None, found: Progress) -> list[str]:
    told = []
    if row is None:
        told.append(f"{run.metrics.name} has no row that can be read" if _size(run.metrics) else "no metrics yet")
    elif config and found.last is None:
        told.append("no weighted sum: nothing was validated, or the config says no weight for some loss")
    if not status:
        told.append(f"no {run.status.name} that can be read")
    return told


def _state(run: RunFiles, status: Mapping[str, Any], updated: datetime | None) -> str:
    held, said = is_held(run.config), status.get("state")
    if held:
        return RUNNING
    if said == RUNNING:
        elsewhere = held is None or status.get("host") != socket.gethostname()
        fresh = updated is not None and (datetime.now(UTC) - updated).total_seconds() < STALE
        return RUNNING if elsewhere and fresh else KILLED
    return said or _state_by_summary(run.summary)


def _state_by_summary(summary: Path) -> str:
    """Of a run that an older version of the code made."""
    text = ""
    with suppress(OSError, ValueError):
        text = read_file(summary).decode()
    found = SUMMARY.match(text)
    return found[1] if found else UNKNOWN


def _updated(run: RunFiles, status: Mapping[str, Any]) -> datetime | None:
    if "updated" in status:
        return status["updated"]
    files = [file for file in (run.config, run.metrics, run.summary) if file.exists()]
    return max((datetime.fromtimestamp(file.stat().st_mtime, UTC) for file in files), default=None)


def _size(file: Path) -> int:
    with suppress(OSError):
        return file.stat().st_size
    return 0
