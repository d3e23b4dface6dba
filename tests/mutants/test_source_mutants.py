"""`jepa audit-grads` fails, and says where, when one stop of the real source is deleted or one state detached."""

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.mutants.source import PACKAGE, SourceMutant, deleted_calls, deleted_declarations, detached_states

ROOT = PACKAGE.parent
UNBROKEN = SourceMutant("nothing", PACKAGE / "states.py", (PACKAGE / "states.py").read_text(), "as documented")
MUTANTS = [*deleted_calls(), *deleted_declarations(), *detached_states()]
DRIFT = 1

Results = dict[str, subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """The command's outcome for every mutant, each in a folder of its own, as many at once as there are cores."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        outcomes = pool.map(lambda mutant: _audit(mutant, tmp_path_factory.mktemp("mutant")), [UNBROKEN, *MUTANTS])
        return dict(zip(map(str, [UNBROKEN, *MUTANTS]), outcomes, strict=True))


def _audit(mutant: SourceMutant, folder: Path) -> subprocess.CompletedProcess[str]:
    for name in ("audits", "jepa_cli", "docs"):
        (folder / name).symlink_to(ROOT / name)
    shutil.copytree(PACKAGE, folder / PACKAGE.name, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / mutant.file.relative_to(ROOT)).write_text(mutant.text)
    command = [sys.executable, "-m", "jepa_cli", "audit-grads"]
    environment = os.environ | {"PYTHONPATH": str(folder), "COLUMNS": "200"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def test_the_source_as_it_is_passes(results: Results) -> None:
    assert results["nothing"].returncode == 0, results["nothing"].stdout + results["nothing"].stderr


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_a_mutant_fails_and_its_place_is_named(mutant: SourceMutant, results: Results) -> None:
    outcome = results[str(mutant)]
    assert outcome.returncode == DRIFT, outcome.stdout + outcome.stderr
    assert mutant.place in outcome.stdout


def test_there_is_a_mutant_for_each_stop_of_the_lock_file() -> None:
    lock = json.loads((ROOT / "docs" / "gradient_flow.lock.json").read_text())
    stops = {stop for losses in lock["settings"].values() for entry in losses.values() for stop in entry["stops"]}
    assert len(stops) == len([*deleted_calls(), *deleted_declarations()])
