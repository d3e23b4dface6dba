"""loggers.json: the id of the run at each service, so that a resumed run continues there."""

import json
from pathlib import Path

from jepa_world_model.runs.untrusted import read_object, text
from jepa_world_model.training.run_folder import RunFolder

FILE = "loggers.json"


def recall(run: RunFolder, service: str) -> str | None:
    """The id of a run at a service, if it was ever there."""
    return _read(run.path / FILE).get(service)


def remember(run: RunFolder, service: str, run_id: str) -> None:
    """Store the id of a service; those of other services are kept."""
    file = run.path / FILE
    run.write(file, json.dumps(_read(file) | {service: run_id}, indent=1).encode() + b"\n")


def _read(file: Path) -> dict[str, str]:
    return {service: text(run_id) for service, run_id in read_object(file).items() if text(run_id)}
