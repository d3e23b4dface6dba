"""The lock file brought up to date by audits of a part."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from audits.contract import lock_path, updated_texts
from audits.contract.lock import Entry
from audits.errors import AuditError


@pytest.fixture
def path(toy: SimpleNamespace, tmp_path: Path) -> Path:
    """A document and a lock of all losses at two settings."""
    path = tmp_path / "flow.md"
    toy.updated(toy.audit(toy.flow(), toy.flow(at=toy.setting(gate_a=True))), path)
    return path


def test_other_losses_keep_their_entries(toy: SimpleNamespace, path: Path) -> None:
    before = toy.lock(path).settings
    toy.updated(toy.audit(toy.flow({"rank": "encoder"})), path)
    after = toy.lock(path).settings
    assert after["default"] == {**before["default"], "rank": Entry(("encoder",))}
    assert after["gate_a=True"] == before["gate_a=True"]
    assert list(after["default"]) == list(toy.LOSSES)


def test_a_setting_that_was_not_audited_keeps_what_it_had_as_the_default(toy: SimpleNamespace, path: Path) -> None:
    toy.updated(toy.audit(toy.flow(routes={"recon": toy.routing("encoder")})), path)
    lock = toy.lock(path)
    assert lock.entry("default", "recon").routes == ("encoder",)
    assert lock.entry("gate_a=True", "recon").routes == ("encoder with decoder",)


def test_a_further_setting_is_added(toy: SimpleNamespace, path: Path) -> None:
    toy.updated(toy.audit(toy.flow(at=toy.setting(gate_b=True))), path)
    assert list(toy.lock(path).settings) == ["default", "gate_a=True", "gate_b=True"]


@pytest.mark.parametrize("known", [("jepa", "recon"), ()])
def test_losses_and_gates_that_are_gone_go(toy: SimpleNamespace, path: Path, known: tuple[str, ...]) -> None:
    """Where nobody told the trainer's losses, those of the document count."""
    path.write_text(path.read_text(encoding="utf-8").replace("| `rank` | — | — | |\n", ""), encoding="utf-8")
    lock = lock_path(path)
    lock.write_text(lock.read_text(encoding="utf-8").replace("gate_a=True", "gate_old=True"), encoding="utf-8")
    toy.updated(replace(toy.audit(toy.flow({"jepa": "predictor"})), known=known), path)
    settings = toy.lock(path).settings
    assert {label: list(entries) for label, entries in settings.items()} == {"default": ["jepa", "recon"]}


def test_the_order_is_the_audits_where_it_has_everything(toy: SimpleNamespace, path: Path) -> None:
    flows = [toy.flow(dict(reversed(toy.UPDATES.items())), at=at) for at in (toy.setting(), toy.setting(gate_a=True))]
    toy.updated(toy.audit(*flows), path)
    assert list(toy.lock(path).settings["default"]) == list(reversed(toy.LOSSES))


@pytest.mark.parametrize("other", [{"shape": {"frames": 6}}, {"target": "other"}])
def test_another_shape_or_target_is_written_anew_but_never_mixed(
    toy: SimpleNamespace, path: Path, other: dict[str, object]
) -> None:
    flows = toy.flow(), toy.flow(at=toy.setting(gate_a=True))
    toy.updated(toy.audit(*flows, **other), path)
    assert toy.checked(toy.audit(*flows, **other), path).passed
    with pytest.raises(AuditError, match=r"flow.lock.json cannot be updated in part \((frames: 6|target: 'other')"):
        updated_texts(toy.audit(toy.flow()), path)


def test_a_lock_that_cannot_be_read_is_not_overwritten(toy: SimpleNamespace, path: Path) -> None:
    lock_path(path).write_text("{", encoding="utf-8")
    with pytest.raises(AuditError, match="expected JSON"):
        updated_texts(toy.audit(), path)
