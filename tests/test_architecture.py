"""Promises about what imports what. Each has a twin that shows that the check can fail."""

import ast
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import audits

ROOT = Path(__file__).parents[1]
PACKAGES = ("jepa_cli", "jepa_world_model", "audits")
HEAVY = ("torch", "pandas", "numpy", "matplotlib", "graphviz", "gymnasium")


def loaded_by(statement: str) -> set[str]:
    """The heavy packages that a fresh interpreter has loaded after a statement."""
    code = f"import sys\n{statement}\nprint(*(name for name in {HEAVY} if name in sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(run.stdout.splitlines()[-1].split())


def direction_holds(project: Path) -> bool:
    linter = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    run = subprocess.run([sys.executable, "-c", linter, "--no-cache"], capture_output=True, text=True, cwd=project)
    assert "Contracts:" in run.stdout, run.stdout + run.stderr
    return run.returncode == 0


@pytest.fixture
def copied_project(tmp_path: Path) -> Path:
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_command_line_starts_without_heavy_packages() -> None:
    assert loaded_by("import jepa_cli.app") == set()


def test_help_loads_no_heavy_package() -> None:
    ask = "from typer.testing import CliRunner; from jepa_cli.app import app"
    shown = f"{ask}; print(CliRunner().invoke(app, ['train', '--help']).output)"
    assert loaded_by(shown) == set()


@pytest.mark.parametrize("words", [["--help"], ["train", "--help"], ["data", "show", "--help"]])
def test_help_loads_its_command_and_no_other(words: list[str]) -> None:
    """Nor pydantic and rich, each of which takes longer to load than all that is shown."""
    code = (
        "import sys\nfrom typer.testing import CliRunner\nfrom jepa_cli.app import app\n"
        f"assert 'Usage' in CliRunner().invoke(app, {words}).output\n"
        "print(*(name for name in sys.modules if name.startswith(('jepa_cli.commands.', 'pydantic.', 'rich.'))))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert run.stdout.split() == [f"jepa_cli.commands.{word}" for word in words[:-1][:1]]


def test_the_check_for_heavy_packages_can_fail() -> None:
    assert "torch" in loaded_by("import jepa_world_model.model")


def test_opening_data_needs_no_torch() -> None:
    assert "torch" not in loaded_by("import jepa_world_model.data")


@pytest.mark.parametrize("edit", ["losses.sigreg=1", "train.detach_z_from_h_and_p=false"])
def test_checking_an_edit_by_rules_alone_loads_no_heavy_package(edit: str) -> None:
    ask = "from typer.testing import CliRunner; from jepa_cli.app import app"
    check = f"CliRunner().invoke(app, ['check-weights', '--no-measure', '--set', '{edit}'])"
    assert loaded_by(f"{ask}; checked = {check}; assert checked.exit_code < 2, checked.output") == set()


def test_every_public_name_of_the_audit_has_a_home() -> None:
    assert sorted(name for names in audits.HOME.values() for name in names) == audits.__all__
    for name in audits.__all__:
        assert getattr(audits, name) is not None


def doubled_classes(root: Path) -> set[str]:
    """Names that two public classes of our packages have."""
    trees = (
        ast.parse(file.read_text(encoding="utf-8")) for package in PACKAGES for file in (root / package).rglob("*.py")
    )
    counts = Counter(node.name for tree in trees for node in tree.body if isinstance(node, ast.ClassDef))
    return {name for name, count in counts.items() if count > 1 and not name.startswith("_")}


def test_no_two_classes_have_one_name() -> None:
    assert doubled_classes(ROOT) == set()


def test_the_check_for_doubled_names_can_fail(copied_project: Path) -> None:
    (copied_project / "audits" / "more.py").write_text("class Trainer: ...\n")
    assert doubled_classes(copied_project) == {"Trainer"}


@pytest.mark.slow
def test_imports_go_one_way(copied_project: Path) -> None:
    assert direction_holds(copied_project)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("package", "imported"),
    [
        ("jepa_world_model", "audits"),
        ("jepa_world_model", "jepa_cli"),
        ("audits", "jepa_world_model"),
        ("audits", "jepa_cli"),
    ],
)
def test_an_import_against_the_direction_is_noticed(package: str, imported: str, copied_project: Path) -> None:
    (copied_project / package / "astray.py").write_text(f"import {imported}\n")
    assert not direction_holds(copied_project)
