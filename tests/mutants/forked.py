"""`jepa audit-grads` in many folders, each with a world model of its own, from one process that has torch loaded.

python -m tests.mutants.forked FOLDER...        reads options.json in each, and leaves outcome.json there
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy  # noqa: F401
import pydantic  # noqa: F401
from typer.testing import CliRunner

import audits.auditing
import audits.unexpected_paths  # noqa: F401
import jepa_cli.audit.run
import jepa_cli.audit.view
import jepa_cli.commands.audit_grads  # noqa: F401
from jepa_cli.app import app
from jepa_cli.terminal import own_packages

OPTIONS = "options.json"
OUTCOME = "outcome.json"


def audit_in(folder: str) -> None:
    """What the command says and exits with where `jepa_world_model` is that of a folder."""
    os.chdir(folder)
    own_packages.HOME = folder
    options = json.loads(Path(OPTIONS).read_text())
    result = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["audit-grads", *options])
    world_model = Path(sys.modules["jepa_world_model"].__file__ or "").parent
    outcome = {"code": result.exit_code, "output": result.output, "world_model": str(world_model)}
    Path(OUTCOME).write_text(json.dumps(outcome))


def audit_all(folders: list[str], at_once: int) -> None:
    """One process for each folder. All but the world model is loaded here, once: each folder has its own."""
    assert "torch" in sys.modules
    assert "jepa_world_model" not in sys.modules
    running: set[int] = set()
    for folder in folders:
        if len(running) == at_once:
            running.discard(os.wait()[0])
        pid = os.fork()
        if not pid:
            try:
                audit_in(folder)
            finally:
                os._exit(0)
        running.add(pid)
    for _ in running:
        os.wait()


if __name__ == "__main__":
    audit_all(sys.argv[1:], os.cpu_count() or 1)
