"""A contract is written from a trainer, then its source is edited: bugs are noticed where they are, nothing else is."""

from __future__ import annotations

import contextlib
import importlib.util
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from audits import Comparison, Target, against, audit, with_routes
from audits.contract import updated_texts
from tests.audits.routing import trainers
from tests.audits.routing.edits import BUGS, RENAMED, SAME, Edit

REMARK = re.compile(r"\b(renamed|moved)\b")


@contextlib.contextmanager
def trainer(source: str, folder: Path) -> Iterator[Target]:
    """The target of a source, which is called ``trainer`` for a while."""
    path = folder / "trainer.py"
    folder.mkdir(exist_ok=True)
    path.write_text(source.lstrip("\n"))
    spec = importlib.util.spec_from_file_location("trainer", path)
    assert spec
    assert spec.loader
    module = sys.modules["trainer"] = importlib.util.module_from_spec(spec)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            spec.loader.exec_module(module)
            yield module.audit_target()
    finally:
        del sys.modules["trainer"]
        torch.set_default_dtype(torch.float32)


@pytest.fixture(scope="module")
def contracts(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """By name of a trainer: a folder with its contract."""
    made: dict[str, Path] = {}

    def contract(name: str) -> Path:
        if name not in made:
            made[name] = folder = tmp_path_factory.mktemp(name)
            with trainer(getattr(trainers, name), folder / "base") as target:
                for path, text in updated_texts(audit(target), folder / "FLOW.md").items():
                    path.write_text(text, newline="")
                assert against(audit(target), folder / "FLOW.md").passed
        return made[name]

    return contract


def compared(edit: Edit, contract: Path, folder: Path) -> Comparison:
    with trainer(edit.source, folder) as target:
        comparison = against(audit(target), contract / "FLOW.md")
        return comparison if comparison.passed else with_routes(target, comparison)


def drifts(comparison: Comparison) -> str:
    return "\n".join(f"{drift} at {drift.place}" for drift in comparison.drifts)


@pytest.mark.parametrize("edit", SAME, ids=str)
def test_an_edit_of_no_gradient_is_silent(edit: Edit, contracts: Callable[[str], Path], tmp_path: Path) -> None:
    comparison = compared(edit, contracts(edit.base), tmp_path / "edit")
    assert comparison.passed, drifts(comparison)
    assert not [note for note in comparison.notes if REMARK.search(note)]


@pytest.mark.parametrize("edit", RENAMED, ids=str)
def test_a_stop_that_is_called_otherwise_is_remarked(
    edit: Edit, contracts: Callable[[str], Path], tmp_path: Path
) -> None:
    comparison = compared(edit, contracts(edit.base), tmp_path / "edit")
    assert comparison.passed, drifts(comparison)
    assert len([note for note in comparison.notes if REMARK.search(note)]) == 1


@pytest.mark.parametrize("edit", BUGS, ids=str)
def test_a_bug_is_noticed_and_blamed(edit: Edit, contracts: Callable[[str], Path], tmp_path: Path) -> None:
    comparison = compared(edit, contracts(edit.base), tmp_path / "edit")
    assert {drift.loss for drift in comparison.drifts} == edit.losses, drifts(comparison)
    if edit.line:
        lines = edit.source.lstrip("\n").splitlines()
        (number,) = [number for number, line in enumerate(lines, 1) if edit.line in line]
        assert f"trainer.py:{number}" in drifts(comparison), drifts(comparison)
