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


def test_one_line_for_each_route_and_stop_that_differs_from_the_default(toy: SimpleNamespace, tmp_path: Path) -> None:
    a = toy.flow({**toy.UPDATES, "recon": "decoder"}, at=toy.setting(gate_a=True), stops={"jepa": [toy.stop("sg_z")]})
    made = toy.audit(toy.flow(stops={"jepa": [toy.stop("sg_z")]}), a, toy.flow(at=toy.setting(gate_b=True)))
    assert updated_texts(made, tmp_path / "flow.md")[tmp_path / "flow.lock.json"].splitlines()[3:] == [
        '  "torch": "' + locked(toy, made, tmp_path).torch + '",',
        '  "shape": {"frames": 8},',
        '  "settings": {',
        '    "default": {',
        '      "jepa": {',
        '        "routes": [',
        '          "predictor with h_to_z with sg(sg_z into the loss)"',
        "        ],",
        '        "stops": {',
        '          "sg_z into the loss": ["trainer.losses.jepa: sg_z"]',
        "        }",
        "      },",
        '      "recon": {',
        '        "routes": [',
        '          "encoder with decoder"',
        "        ],",
        '        "stops": {}',
        "      },",
        '      "rank": {',
        '        "routes": [],',
        '        "stops": {}',
        "      }",
        "    },",
        '    "gate_a=True": {',
        '      "recon": {',
        '        "routes": [',
        '          "decoder"',
        "        ],",
        '        "stops": {}',
        "      }",
        "    },",
        '    "gate_b=True": {',
        '      "jepa": {',
        '        "routes": [',
        '          "predictor with h_to_z"',
        "        ],",
        '        "stops": {}',
        "      }",
        "    }",
        "  }",
        "}",
    ]


def test_what_is_left_out_reads_as_at_the_default_setting(toy: SimpleNamespace, tmp_path: Path) -> None:
    lock = locked(toy, toy.audit(toy.flow(), toy.flow(at=toy.setting(gate_a=True))), tmp_path)
    assert lock.entry("gate_a=True", "jepa") == lock.entry("default", "jepa") == Entry(("predictor with h_to_z",))
    assert lock.entry("gate_b=True", "jepa") is None
    assert lock.entry("default", "other") is None


def test_only_deliberate_stops_by_what_they_stop_without_lines(toy: SimpleNamespace, tmp_path: Path) -> None:
    stops = [
        toy.stop("sg_z"),
        toy.stop("sg_z", line=9),
        toy.stop("a.argmax(-1)", kind=StopKind.NOT_DIFFERENTIABLE),
        toy.stop("gate(z)", gate="gate_a"),
        toy.stop("h", kind=StopKind.NO_GRAD),
    ]
    lock = locked(toy, toy.audit(toy.flow(stops={"jepa": stops})), tmp_path)
    told = {f"{name} into the loss": (f"trainer.losses.jepa: {name}",) for name in ("gate(z)", "h", "sg_z")}
    assert lock.settings["default"]["jepa"].stops == told
    assert lock.stops == {f"trainer.losses.jepa: {name}" for name in ("gate(z)", "h", "sg_z")}


@pytest.mark.parametrize(
    ("ratio", "told"),
    [
        (None, {}),
        (1.0, {}),
        (1.001, {}),
        (-1.0, "reversed"),
        (-0.1, "reversed"),
        (0.0, "stopped"),
        (0.5, "estimated"),
        (1e6, {}),
    ],
)
def test_a_gradient_that_is_not_the_derivative_is_locked_in_words(
    toy: SimpleNamespace, tmp_path: Path, ratio: float | None, told: object
) -> None:
    cell = Cell("jepa", "predictor", Status.LIVE, 3, derivative_ratio=ratio)
    lock = locked(toy, toy.audit(toy.flow(cells=[cell])), tmp_path)
    assert lock.settings["default"]["jepa"].derivatives == ({"predictor": told} if told else {})


def test_a_file_that_was_read_is_written_byte_for_byte(toy: SimpleNamespace, tmp_path: Path) -> None:
    reversed_ = Cell("jepa", "predictor", Status.LIVE, 3, derivative_ratio=-1.0)
    default = toy.flow(cells=[reversed_], stops={"jepa": [toy.stop("sg(“z”)"), toy.stop("h")]})
    made = toy.audit(default, toy.flow(at=toy.setting(gate_a=True)), target="modèle")
    lock = locked(toy, made, tmp_path)
    assert lock.text == lock.path.read_text(encoding="utf-8")


def test_without_a_file_there_is_no_lock(tmp_path: Path) -> None:
    assert read_lock(tmp_path / "none.lock.json") is None


GOOD = {"version": 2, "target": "t", "torch": "2.6.0", "shape": {}}


def with_entry(**values: object) -> str:
    return json.dumps({**GOOD, "settings": {"default": {"jepa": {"routes": [], "stops": {}, **values}}}})


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("{\n<<<<<<< HEAD\n", "flow.lock.json:2: expected JSON"),
        ("[" + "9" * 5000 + "]", "expected JSON"),
        ("[]", "expected version 2 of the lock file, found None"),
        (json.dumps({**GOOD, "version": 3}), "expected version 2 of the lock file, found 3"),
        (json.dumps({**GOOD, "version": 1}), "audit all losses at all settings with --update"),
        (json.dumps({"version": 2}), "found no 'settings'"),
        (json.dumps({**GOOD, "settings": {"default": {"jepa": 3}}}), "expected target, torch, shape, and settings"),
        (json.dumps({**GOOD, "settings": {"default": {"jepa": {"stops": {}}}}}), "found no 'routes'"),
        (with_entry(routes="encoder"), "'encoder' is no list of texts"),
        (with_entry(stops={"encoder": [3]}), "[3] is no list of texts"),
        (with_entry(stops=["encoder"]), "expected target, torch, shape, and settings"),
    ],
)
def test_what_is_no_lock_file(document: Callable[[str], Path], text: str, part: str) -> None:
    path = lock_path(document(""))
    path.write_text(text, encoding="utf-8")
    with pytest.raises(AuditError) as caught:
        read_lock(path)
    assert part in str(caught.value)
    assert "--update" in str(caught.value)


def test_a_lock_of_counts_is_written_anew_by_an_audit_of_everything(toy: SimpleNamespace, tmp_path: Path) -> None:
    path = tmp_path / "flow.md"
    lock_path(path).write_text(json.dumps({**GOOD, "version": 1, "settings": {}}), encoding="utf-8")
    with pytest.raises(AuditError, match="version 1 of the lock file counts paths"):
        updated_texts(toy.audit(toy.flow()), path)
    toy.updated(toy.audit(*(toy.flow(at=setting) for setting in toy.every_setting())), path)
    assert toy.lock(path).entry("default", "jepa") == Entry(("predictor with h_to_z",))
