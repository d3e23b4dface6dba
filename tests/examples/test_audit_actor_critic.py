"""The example audits a trainer that is not ours: it runs anywhere, its contract holds, and breaks with its routing."""

import shutil
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.warm import run_python

ROOT = Path(__file__).parents[2]
NAME = "audit_actor_critic"
DRIFT = 1
STOPS = {
    "features.detach()": "features",
    "temperature.detach()": "temperature",
    "log_probability.detach()": "log_probability",
    "with torch.no_grad():": "if True:",
}


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A folder with nothing but the example."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def audit_grads(folder: Path, *further: str) -> CompletedProcess[str]:
    contract = ("--target", f"examples.{NAME}:audit_target", "--table", f"examples/{NAME}.md")
    return run_python(folder, "-m", "jepa_cli", "audit-grads", *contract, *further)


def test_it_runs_as_a_script_in_an_empty_folder(tmp_path: Path) -> None:
    outcome = run_python(tmp_path, str(ROOT / "examples" / f"{NAME}.py"))
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert outcome.stdout.splitlines()[-1] == "as documented"
    assert not list(tmp_path.iterdir())


def test_its_table_and_lock_file_are_fresh(copied: Path) -> None:
    written = sorted((copied / "examples").glob(f"{NAME}.*"))
    before = [file.read_bytes() for file in written]
    outcome = audit_grads(copied, "--update")
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert [file.read_bytes() for file in written] == before


@pytest.mark.parametrize("stop", STOPS)
def test_a_deleted_stop_fails(stop: str, copied: Path) -> None:
    source = copied / "examples" / f"{NAME}.py"
    text = source.read_text(encoding="utf-8")
    assert text.count(stop) == 1
    source.write_text(text.replace(stop, STOPS[stop]), encoding="utf-8")
    outcome = audit_grads(copied)
    assert outcome.returncode == DRIFT, outcome.stdout + outcome.stderr
    assert stop.removeprefix("with ").rstrip(":") in outcome.stdout
