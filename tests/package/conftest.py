"""The distribution as a user gets it: built, and installed where nothing of the checkout is in reach."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Environment:
    """A fresh environment. The libraries are those of this one; the three packages come from the wheel."""

    folder: Path

    @property
    def bin(self) -> Path:
        return self.folder / "bin"

    def run(self, *command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
        """A program of the environment."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        words = [str(self.bin / command[0]), *map(str, command[1:])]
        return subprocess.run(words, cwd=cwd, env=kept | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True)


@pytest.fixture(scope="session")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """By ending: the wheel and the sdist. The wheel is built from the sdist."""
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--outdir", str(folder), str(ROOT)]
    run = subprocess.run(build, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    return {ending: next(folder.glob(f"*{ending}")) for ending in (".whl", ".tar.gz")}


@pytest.fixture(scope="session")
def installed(distributions: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """The wheel, installed."""
    environment = Environment(tmp_path_factory.mktemp("installed"))
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment.folder)], check=True)
    pip = [sys.executable, "-m", "pip", "--python", str(environment.bin / "python"), "install", "--quiet", "--no-deps"]
    subprocess.run([*pip, str(distributions[".whl"])], check=True)
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
