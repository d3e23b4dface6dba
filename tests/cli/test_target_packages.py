"""`--target` and names: the folder of the trainer comes first, and whatever hides a module of it is named."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.audit_targets.command import AS_DOCUMENTED, TRAINERS, audit_grads, complaint

BOTH_COMMANDS = """
import json, sys
from typer.testing import CliRunner
from jepa_cli.app import app

commands = (
    ["audit-grads", "--target", "start:audit_target"],
    ["render-flow", "--target", "jepa_world_model.train:audit_target", "--out", "f.dot"],
)
runs = [CliRunner().invoke(app, command) for command in commands]
files = {name: getattr(sys.modules[name], "__file__", None) for name in sys.modules if "jepa_world_model" in name}
print(json.dumps({"codes": [run.exit_code for run in runs], "output": [run.output for run in runs], "files": files}))
"""


def own_package(folder: Path, name: str, *, init: bool = True) -> Path:
    """A package of the user's that holds the small trainer in two modules, one imports the other by its name."""
    package = folder / name
    package.mkdir()
    if init:
        (package / "__init__.py").write_text("")
    (package / "nets.py").write_text((TRAINERS / "trainers.py").read_text())
    (package / "train.py").write_text(f"from {name}.nets import audit_target\n")
    return package


def test_a_trainer_whose_package_is_called_as_the_world_model_is_audited_and_drawn(tmp_path: Path) -> None:
    package = own_package(tmp_path, "jepa_world_model")
    (tmp_path / "start.py").write_text("from jepa_world_model.train import audit_target\n")
    run = subprocess.run([sys.executable, "-c", BOTH_COMMANDS], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout.splitlines()[-1])
    assert found["codes"] == [AS_DOCUMENTED, AS_DOCUMENTED], found["output"]
    assert "2 losses x 3 modules" in found["output"][0]
    assert (tmp_path / "f.dot").exists()
    assert {Path(file).parent for file in found["files"].values()} == {package}
    assert sorted(found["files"]) == ["jepa_world_model", "jepa_world_model.nets", "jepa_world_model.train"]


@pytest.mark.parametrize("name", ["docs", "examples", "scripts", "benchmarks"])
@pytest.mark.parametrize("init", [True, False])
def test_packages_of_other_names_come_from_the_current_folder(name: str, init: bool, folder: Path) -> None:
    own_package(folder, name, init=init)
    assert audit_grads("--target", f"{name}.train:audit_target").exit_code == AS_DOCUMENTED


def test_the_current_folder_comes_before_what_is_on_the_path_already(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "elsewhere").mkdir()
    own_package(folder / "elsewhere", "my_trainer").joinpath("train.py").write_text("1 / 0\n")
    monkeypatch.syspath_prepend(str(folder / "elsewhere"))
    own_package(folder, "my_trainer")
    assert audit_grads("--target", "my_trainer.train:audit_target").exit_code == AS_DOCUMENTED


@pytest.mark.parametrize("name", ["audits", "jepa_cli", "json"])
def test_a_package_that_one_of_the_command_hides_is_named_with_the_way_out(name: str, folder: Path) -> None:
    own_package(folder, name)
    text = complaint(audit_grads("--target", f"{name}.train:audit_target"))
    assert f"{name}/__init__.py is hidden by {sys.modules[name].__file__}" in text
    assert "rename yours" in text


@pytest.mark.parametrize(
    "source",
    [
        "from audits.train import audit_target\n",
        "from audits import my_losses\n",
        "import audits\naudits.my_losses\n",
        "def audit_target():\n    from audits.train import audit_target\n    return audit_target()\n",
    ],
)
def test_a_hidden_package_is_named_wherever_the_trainer_needs_it(source: str, folder: Path) -> None:
    own_package(folder, "audits")
    (folder / "start.py").write_text(source)
    assert "audits/__init__.py is hidden by" in complaint(audit_grads("--target", "start:audit_target"))


def test_a_hidden_package_that_the_trainer_does_not_need_is_no_matter(folder: Path) -> None:
    own_package(folder, "audits")
    own_package(folder, "my_trainer")
    assert audit_grads("--target", "my_trainer.train:audit_target").exit_code == AS_DOCUMENTED


def test_an_exception_that_is_no_exception_of_python_is_one_message(folder: Path) -> None:
    (folder / "skipping.py").write_text("class Skipped(BaseException): ...\nraise Skipped('not here')\n")
    assert "Skipped at skipping.py:2: not here" in complaint(audit_grads("--target", "skipping:audit_target"))


@pytest.mark.parametrize(
    "arguments", [["--target", ""], ["--target="], ["--table", " "], ["--losses", "jepa", "--set="]]
)
def test_an_empty_value_is_a_mistake(arguments: list[str], folder: Path) -> None:
    text = complaint(audit_grads(*arguments))
    option = next(argument.rstrip("=") for argument in reversed(arguments) if argument.startswith("--"))
    assert text.startswith(f"{option}: expected a value")
