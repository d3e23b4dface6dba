"""The table of what a step moves: read, compared, and written so that what holds stays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from audits.contract import Comparison, against, updated_texts
from audits.drift import DriftKind
from audits.moves import Move, Steps
from audits.result import Audit, Cell, Flow, Setting, Status

MODULES, LOSSES = ("encoder", "head", "slow"), ("recon", "kl")
STEPS = Steps(
    optimizers=("G", "D"),
    moves=(
        Move("G", "encoder", 2, 2, 0.01, ("recon", "kl")),
        Move("D", "head", 2, 2, 0.02, ("kl",)),
        Move("", "slow", 2, 2, 0.001, reason="average of encoder, 0.99"),
    ),
    count=4,
)


@pytest.fixture
def audited() -> Audit:
    cells = {
        (loss, module): Cell(loss, module, Status.LIVE if module == "encoder" else Status.ABSENT, 1)
        for loss in LOSSES
        for module in MODULES
    }
    setting = Setting({}, {})
    return Audit("trainer", {}, LOSSES, MODULES, (Flow(setting, cells, {}),), known=LOSSES, steps=STEPS)


@pytest.fixture
def document(tmp_path: Path, audited: Audit) -> Path:
    path = tmp_path / "FLOW.md"
    write(audited, path)
    return path


def write(audit: Audit, path: Path, *, complete: bool = True) -> str:
    for file, text in updated_texts(audit, path, complete=complete).items():
        file.write_text(text, encoding="utf-8", newline="")
    return path.read_text(encoding="utf-8")


def edited(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def moves(comparison: Comparison) -> list[tuple[str, str, str]]:
    return [(d.optimizer, d.module, d.found) for d in comparison.drifts if d.kind is DriftKind.MOVES]


def test_a_new_document_says_what_was_measured(document: Path, audited: Audit) -> None:
    text = document.read_text(encoding="utf-8")
    assert "| `G` | encoder | `recon`, `kl` |\n| `D` | head | `kl` |" in text
    assert "| no optimizer | slow | average of encoder, 0.99 |" in text
    assert against(audited, document).passed


WRONG = {
    "another module": (
        "| `D` | head |",
        "| `D` | encoder |",
        [("D", "encoder", "does not move"), ("D", "head", "moves")],
    ),
    "another loss": ("head | `kl` |", "head | `recon` |", [("D", "", "by kl")]),
    "no average": ("| slow |", "| — |", [("no optimizer", "slow", "moves")]),
    "a step too few": ("| `D` | head | `kl` |\n", "", [("D", "head", "moves")]),
    "a step too many": (
        "| `D` | head | `kl` |\n",
        "| `D` | head | `kl` |\n| `E` | slow | `kl` |\n",
        [("E", "slow", "does not move")],
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_moves_otherwise_is_a_drift(name: str, document: Path, audited: Audit) -> None:
    old, new, expected = WRONG[name]
    edited(document, old, new)
    comparison = against(audited, document)
    assert moves(comparison) == expected
    assert not comparison.passed


@pytest.mark.parametrize("name", WRONG)
def test_an_update_corrects_it(name: str, document: Path, audited: Audit) -> None:
    before = document.read_text(encoding="utf-8")
    edited(document, *WRONG[name][:2])
    write(audited, document)
    assert sorted(document.read_text(encoding="utf-8").split("\n")) == sorted(before.split("\n"))
    assert against(audited, document).passed


def test_other_columns_and_words_stay(document: Path, audited: Audit) -> None:
    edited(
        document,
        "| Step of | Moves | By |\n| --- | --- | --- |",
        "| Optimizer | What it moves | Why |\n| --- | --- | --- |",
    )
    edited(document, "| `G` | encoder | `recon`, `kl` |", "| G | the encoder | it is the generator |")
    text = document.read_text(encoding="utf-8")
    assert against(audited, document).passed
    assert write(audited, document) == text


@pytest.mark.parametrize("change", ["\r\n", "|  "])
def test_line_endings_stay(change: str, document: Path, audited: Audit) -> None:
    text = document.read_text(encoding="utf-8")
    document.write_bytes(text.replace("\n" if change == "\r\n" else "| ", change).encode())
    before = document.read_bytes()
    edited_steps = replace(STEPS, moves=STEPS.moves[:2])
    for file, new in updated_texts(replace(audited, steps=edited_steps), document).items():
        file.write_text(new, encoding="utf-8", newline="")
    after = document.read_bytes()
    assert after.count(b"\r\n") == (before.count(b"\r\n") - 1 if change == "\r\n" else 0)
    assert b"slow" not in after.partition(b"Step of")[2]


def test_a_document_without_the_table_is_noted_and_left(tmp_path: Path, audited: Audit) -> None:
    path = tmp_path / "OLD.md"
    write(replace(audited, steps=None), path)
    assert "Step of" not in path.read_text(encoding="utf-8")
    comparison = against(audited, path)
    assert comparison.passed
    assert any("table of what a step moves" in note for note in comparison.notes)
    assert "Step of" not in write(audited, path, complete=False)
    assert "Step of" in write(audited, path, complete=True)


def test_without_steps_the_table_is_not_compared(document: Path, audited: Audit) -> None:
    assert against(replace(audited, steps=None), document).passed


@pytest.fixture(params=["a|b", "kl(q||p)", "x `y`"])
def odd(request: pytest.FixtureRequest) -> str:
    return request.param


def test_odd_names_are_read_back(
    odd: str, tmp_path: Path, audited: Audit, renamed: Callable[[Audit, str], Audit]
) -> None:
    audit = renamed(audited, odd)
    path = tmp_path / "ODD.md"
    write(audit, path)
    assert moves(against(audit, path)) == []


@pytest.fixture
def renamed() -> Callable[[Audit, str], Audit]:
    def rename(audit: Audit, name: str) -> Audit:
        return replace(audit, steps=replace(STEPS, moves=(replace(STEPS.moves[1], losses=(name,)),), optimizers=("D",)))

    return rename
