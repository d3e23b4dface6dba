"""The wheel, in an empty folder: every command works, and all that it reads came along."""

import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from jepa_world_model.losses import LOSSES
from jepa_world_model.record import record
from tests.conftest import SMALL
from tests.package.conftest import Environment

pytestmark = pytest.mark.package

PACKAGES = ("audits", "jepa_cli", "jepa_world_model")
TINY = [argument for setting in SMALL for argument in ("--set", setting)]


def test_the_packages_come_from_the_wheel(installed: Environment, tmp_path: Path) -> None:
    ask = f"import {', '.join(PACKAGES)}; print(*(p.__file__ for p in ({', '.join(PACKAGES)})), sep='\\n')"
    found = installed.run("python", "-c", ask, cwd=tmp_path).stdout.splitlines()
    assert len(found) == len(PACKAGES)
    for file in found:
        assert Path(file).is_relative_to(installed.folder)


def test_an_audit_finds_the_contract_of_the_package_and_says_where(
    jepa: Callable[..., str], installed: Environment
) -> None:
    text = jepa("audit-grads")
    assert f"as documented: {len(LOSSES)} losses x {len(record().modules)} modules at 8 gate settings" in text
    (line,) = [line for line in text.splitlines() if "in this folder: compared with" in line]
    assert Path(line.rpartition(", ")[2]).is_relative_to(installed.folder)


@pytest.mark.parametrize("suffix", ["svg", "png", "html"])
def test_the_flow_is_drawn(suffix: str, jepa: Callable[..., str], tmp_path: Path) -> None:
    assert "as documented" in jepa("render-flow", "--losses", "jepa", "--against", "default", "--out", f"flow.{suffix}")
    assert (tmp_path / f"flow.{suffix}").stat().st_size > 0


def test_an_edit_is_checked_by_rules_and_by_measuring(jepa: Callable[..., str]) -> None:
    assert "rules only" in jepa("check-weights", "--no-measure")
    assert "measured on a small untrained model" in jepa("check-weights")


def test_a_model_is_trained_and_its_runs_are_listed_and_compared(jepa: Callable[..., str], tmp_path: Path) -> None:
    jepa("train", *TINY, "--steps", "2", "--out", "runs/a")
    jepa("train", *TINY, "--steps", "2", "--seed", "1", "--out", "runs/b", "--audit-every", "2")
    assert "finished" in jepa("runs")
    jepa("eval", "runs/a", "--episodes", "4", "--tasks", "1")
    jepa("runs", "compare", "runs/a", "runs/b", "--out", "curves.png")
    assert (tmp_path / "curves.png").stat().st_size > 0


def test_help_and_version(jepa: Callable[..., str]) -> None:
    assert "Gymnasium" in jepa("collect", "--help")
    assert jepa("--version").startswith("jepa ")


def test_all_files_of_the_packages_are_in_the_wheel(distributions: dict[str, Path]) -> None:
    with tarfile.open(distributions[".tar.gz"]) as sdist:
        names = [member.name.partition("/")[2] for member in sdist.getmembers() if member.isfile()]
    with zipfile.ZipFile(distributions[".whl"]) as wheel:
        packed = set(wheel.namelist())
    assert {name for name in names if name.startswith(tuple(f"{package}/" for package in PACKAGES))} <= packed
    assert {f"{package}/py.typed" for package in PACKAGES} <= packed


def test_all_files_of_a_checkout_are_in_the_sdist(checkout: Path, distributions: dict[str, Path]) -> None:
    with tarfile.open(distributions[".tar.gz"]) as sdist:
        names = {member.name.partition("/")[2] for member in sdist.getmembers() if member.isfile()}
    assert {str(file.relative_to(checkout)) for file in checkout.rglob("*") if file.is_file()} <= names


def test_the_quick_tests_of_the_sdist_pass(
    distributions: dict[str, Path], installed: Environment, tmp_path: Path
) -> None:
    with tarfile.open(distributions[".tar.gz"]) as sdist:
        sdist.extractall(tmp_path, filter="data")
    (unpacked,) = tmp_path.iterdir()
    quick = ("-p", "no:cacheprovider", "-n", "auto", "--dist", "loadfile", "-m", "not slow and not package")
    folders = [f"tests/{name}" for name in ("audits/contract", "config", "data", "hostile", "model", "rules")]
    run = installed.run("python", "-m", "pytest", *quick, *folders, cwd=unpacked)
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr
