"""The lock file: a text whose diff can be read, and everything that can be wrong with one."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from audits.contract import Lock, lock_path, read_lock, updated_texts
from audits.contract.lock import Entry
from audits.errors import AuditError
from audits.places import StopKind
from audits.result import Cell, Status


def locked(toy: SimpleNamespace, made: object, folder: Path) -> Lock:
    path = folder / "flow.md"
    toy.updated(made, path)
    lock = toy.lock(path)
    assert lock is not None
    return lock


def test_the_file_stands_beside_the_document() -> None:
    assert lock_path(Path("docs/gradient_flow.md")) == Path("docs/gradient_flow.lock.json")


def test_one_line_for_each_entry_that_differs_from_the_default(toy: SimpleNamespace, tmp_path: Path) -> None:
    a = toy.flow({**toy.UPDATES, "recon": "decoder"}, at=toy.setting(gate_a=True), stops={"jepa": [toy.stop("sg_z")]})
    made = toy.audit(toy.flow(stops={"jepa": [toy.stop("sg_z")]}), a, toy.flow(at=toy.setting(gate_b=True)))
    assert updated_texts(made, tmp_path / "flow.md")[tmp_path / "flow.lock.json"].splitlines()[3:] == [
        '  "torch": "' + locked(toy, made, tmp_path).torch + '",',
        '  "shape": {"frames": 8},',
        '  "settings": {',
        '    "default": {',
        '      "jepa": {"paths": {"predictor": 3, "h_to_z": 3}, "stops": ["trainer.losses.jepa: sg_z"]},',
        '      "recon": {"paths": {"encoder": 3, "decoder": 3}, "stops": []},',
        '      "rank": {"paths": {}, "stops": []}',
        "    },",
        '    "gate_a=True": {',
        '      "recon": {"paths": {"decoder": 3}, "stops": []}',
        "    },",
        '    "gate_b=True": {',
        '      "jepa": {"paths": {"predictor": 3, "h_to_z": 3}, "stops": []}',
        "    }",
        "  }",
        "}",
    ]


def test_what_is_left_out_reads_as_at_the_default_setting(toy: SimpleNamespace, tmp_path: Path) -> None:
    lock = locked(toy, toy.audit(toy.flow(), toy.flow(at=toy.setting(gate_a=True))), tmp_path)
    assert (
        lock.entry("gate_a=True", "jepa") == lock.entry("default", "jepa") == Entry({"predictor": 3, "h_to_z": 3}, ())
    )
    assert lock.entry("gate_b=True", "jepa") is None
    assert lock.entry("default", "other") is None


def test_only_deliberate_stops_once_each_and_sorted(toy: SimpleNamespace, tmp_path: Path) -> None:
    stops = [
        toy.stop("sg_z"),
        toy.stop("sg_z", line=9),
        toy.stop("a.argmax(-1)", kind=StopKind.NOT_DIFFERENTIABLE),
        toy.stop("gate(z)", gate="gate_a"),
        toy.stop("h", kind=StopKind.NO_GRAD),
    ]
    lock = locked(toy, toy.audit(toy.flow(stops={"jepa": stops})), tmp_path)
    names = ("gate(z)", "h", "sg_z")
    assert lock.settings["default"]["jepa"].stops == tuple(f"trainer.losses.jepa: {name}" for name in names)


@pytest.mark.parametrize("paths", [1, 2**63, 2**63 + 1, 2**200, None])
def test_any_number_of_paths_survives(toy: SimpleNamespace, tmp_path: Path, paths: int | None) -> None:
    made = toy.audit(toy.flow(cells=[Cell("jepa", "predictor", Status.LIVE, paths)]))
    assert locked(toy, made, tmp_path).settings["default"]["jepa"].paths["predictor"] == paths


def test_more_paths_than_python_writes_digits(toy: SimpleNamespace, tmp_path: Path) -> None:
    for paths in (2**20000, 2**20001):
        made = toy.audit(toy.flow(cells=[Cell("jepa", "predictor", Status.LIVE, paths)]))
        assert locked(toy, made, tmp_path).settings["default"]["jepa"].paths["predictor"] == paths
    (drift,) = toy.checked(toy.audit(), tmp_path / "flow.md").drifts
    assert drift.reason == "predictor about 2^20001 -> 3"


def test_a_file_that_was_read_is_written_byte_for_byte(toy: SimpleNamespace, tmp_path: Path) -> None:
    cells = [Cell("jepa", "predictor", Status.LIVE, 2**70), Cell("jepa", "encoder", Status.UNKNOWN, None)]
    made = toy.audit(toy.flow(cells=cells), toy.flow(at=toy.setting(gate_a=True)), target="modèle")
    lock = locked(toy, made, tmp_path)
    assert lock.text == lock.path.read_text(encoding="utf-8")


def test_without_a_file_there_is_no_lock(tmp_path: Path) -> None:
    assert read_lock(tmp_path / "none.lock.json") is None


GOOD = {"version": 1, "target": "t", "torch": "2.6.0", "shape": {}}


def with_paths(paths: object) -> str:
    return json.dumps({**GOOD, "settings": {"default": {"jepa": {"paths": paths, "stops": []}}}})


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("{\n<<<<<<< HEAD\n", "flow.lock.json:2: expected JSON"),
        ("[" + "9" * 5000 + "]", "expected JSON"),
        ("[]", "expected version 1 of the lock file, found None"),
        (json.dumps({**GOOD, "version": 2}), "expected version 1 of the lock file, found 2"),
        (json.dumps({"version": 1}), "found no 'settings'"),
        (json.dumps({**GOOD, "settings": {"default": {"jepa": 3}}}), "expected target, torch, shape and settings"),
        (with_paths({"encoder": 1.5}), "1.5 is no number of paths"),
        (with_paths({"encoder": "x"}), "invalid literal"),
        (with_paths(3), "expected target, torch, shape and settings"),
    ],
)
def test_what_is_no_lock_file(document: Callable[[str], Path], text: str, part: str) -> None:
    path = lock_path(document(""))
    path.write_text(text, encoding="utf-8")
    with pytest.raises(AuditError) as caught:
        read_lock(path)
    assert part in str(caught.value)
    assert "--update" in str(caught.value)
