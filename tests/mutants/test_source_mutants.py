"""`jepa audit-grads` fails, and says where, when one stop of the real source is deleted or one state detached."""

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.mutants.forked import OPTIONS, OUTCOME
from tests.mutants.source import (
    CLOSED,
    DEFAULT,
    OPEN,
    PACKAGE,
    SourceMutant,
    deleted_calls,
    deleted_declarations,
    detached_states,
)

pytestmark = pytest.mark.slow

ROOT = PACKAGE.parent
STATES = PACKAGE / "states.py"
UNBROKEN = [
    SourceMutant(f"nothing {' '.join(part)}", STATES, STATES.read_text(), "as documented", part)
    for part in (DEFAULT, CLOSED, OPEN)
]
MUTANTS = [*deleted_calls(), *deleted_declarations(), *detached_states()]
DRIFT = 1


@dataclass(frozen=True)
class Outcome:
    """Of the command for one mutant."""

    code: int
    output: str
    world_model: str
    """The folder of the package that was audited."""


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    """By mutant, each in a folder of its own, as many at once as there are cores."""
    folders = {str(mutant): _written(mutant, tmp_path_factory.mktemp("mutant")) for mutant in [*UNBROKEN, *MUTANTS]}
    command = [sys.executable, "-m", "tests.mutants.forked", *map(str, folders.values())]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    return {name: Outcome(**json.loads((folder / OUTCOME).read_text())) for name, folder in folders.items()}


def _written(mutant: SourceMutant, folder: Path) -> Path:
    (folder / "docs").symlink_to(ROOT / "docs")
    shutil.copytree(PACKAGE, folder / PACKAGE.name)  # with what is compiled already
    edited = folder / mutant.file.relative_to(ROOT)
    edited.write_text(mutant.text)
    for compiled in (edited.parent / "__pycache__").glob(f"{edited.stem}.*"):
        compiled.unlink()
    (folder / OPTIONS).write_text(json.dumps(mutant.part))
    return folder


@pytest.mark.parametrize("source", UNBROKEN, ids=str)
def test_the_source_as_it_is_passes(source: SourceMutant, outcomes: dict[str, Outcome]) -> None:
    outcome = outcomes[str(source)]
    assert outcome.code == 0, outcome.output
    assert source.place in outcome.output


def test_each_mutant_is_audited_in_its_own_folder(outcomes: dict[str, Outcome]) -> None:
    folders = {outcome.world_model for outcome in outcomes.values()}
    assert len(folders) == len(outcomes)
    assert str(PACKAGE) not in folders


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_a_mutant_fails_and_its_place_is_named(mutant: SourceMutant, outcomes: dict[str, Outcome]) -> None:
    outcome = outcomes[str(mutant)]
    assert outcome.code == DRIFT, outcome.output
    assert mutant.place in outcome.output


def test_there_is_a_mutant_for_each_stop_of_the_lock_file() -> None:
    lock = json.loads((ROOT / "docs" / "gradient_flow.lock.json").read_text())
    entries = [entry for losses in lock["settings"].values() for entry in losses.values()]
    stops = {stop for entry in entries for told in entry["stops"].values() for stop in told}
    assert len(stops) == len([*deleted_calls(), *deleted_declarations()])
