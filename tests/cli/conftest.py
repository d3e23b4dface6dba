"""Folders to work in, and modules that are forgotten afterwards."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

TRAINERS = Path(__file__).parent / "audit_targets"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty current folder. Modules that are imported from it are forgotten."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path])
    monkeypatch.chdir(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith((str(tmp_path), str(TRAINERS))):
            del sys.modules[name]


@pytest.fixture
def trainers(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder, from which the module `trainers` can be imported."""
    monkeypatch.syspath_prepend(str(TRAINERS))
    return folder
