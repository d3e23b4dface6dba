"""The distribution as a user gets it: built, and installed where nothing of the checkout is in reach."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree

import pytest

ROOT = Path(__file__).parents[2]
MADE = ("build", "dist", "data", "runs", "site")
"""Folders of a checkout that its tools and its users make."""


@dataclass(frozen=True)
class Environment:
    """A fresh environment. The libraries are those of this one; the three packages come from the wheel."""

    folder: Path

    @property
    def bin(self) -> Path:
        return self.folder / "bin"

    def run(self, *command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
        """A program of the environment."""
        return _run(str(self.bin / command[0]), *map(str, command[1:]), cwd=cwd)


def _run(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.run(command, cwd=cwd, env=kept | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True)


def _left_out(folder: str, names: list[str]) -> set[str]:
    """What developers have in their checkout and a fresh one has not."""
    if Path(folder) != ROOT:
        return {"__pycache__"} & set(names)
    hidden = {name for name in names if name.startswith(".")} - {".ci", ".pre-commit-hooks.yaml"}
    return hidden | {name for name in names if name in MADE or name.endswith(".egg-info")}


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh one: an older build would lend the new one its list of files."""
    return Path(copytree(ROOT, tmp_path_factory.mktemp("checkout") / "jepa", ignore=_left_out))


@pytest.fixture(scope="session")
def distributions(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """By ending: the wheel and the sdist. The wheel is built from the sdist."""
    folder = tmp_path_factory.mktemp("dist")
    run = _run(sys.executable, "-m", "build", "--outdir", str(folder), cwd=checkout)
    assert run.returncode == 0, run.stdout + run.stderr
    return {ending: next(folder.glob(f"*{ending}")) for ending in (".whl", ".tar.gz")}


@pytest.fixture(scope="session")
def installed(distributions: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """The wheel, installed."""
    environment = Environment(tmp_path_factory.mktemp("installed"))
    python, wheel = str(environment.bin / "python"), str(distributions[".whl"])
    for command in (
        ["venv", "--without-pip", str(environment.folder)],
        ["pip", "--python", python, "install", "--no-deps", "--no-index", wheel],
    ):
        done = _run(sys.executable, "-m", *command, cwd=environment.folder)
        assert done.returncode == 0, done.stdout + done.stderr
    paths = {"base": str(environment.folder), "platbase": str(environment.folder)}
    own = Path(sysconfig.get_path("purelib", vars=paths))
    libraries = [path for path in sys.path if path.endswith("site-packages")]  # their .pth files are not read again
    (own / "libraries.pth").write_text("".join(f"{path}\n" for path in libraries))
    return environment


@pytest.fixture
def jepa(installed: Environment, tmp_path: Path) -> Callable[..., str]:
    """`jepa` of the wheel in a folder that is empty at first: what it printed when all went well."""

    def run(*arguments: str | Path) -> str:
        done = installed.run("jepa", *arguments, cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run
