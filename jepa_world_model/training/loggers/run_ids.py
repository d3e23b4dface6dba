"""loggers.json: under which id each service knows a run, so that it goes on there when the run does."""

import json
from pathlib import Path

from jepa_world_model.training.run_folder import RunFolder

FILE = "loggers.json"


def recall(run: RunFolder, service: str) -> str | None:
    """The id of a run at a service, if it was ever there."""
    return _read(run.path / FILE).get(service)


def remember(run: RunFolder, service: str, run_id: str) -> None:
    """Keep an id beside those of other services."""
    file = run.path / FILE
    run.write(file, json.dumps(_read(file) | {service: run_id}, indent=1).encode() + b"\n")


def _read(file: Path) -> dict[str, str]:
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
