"""Whatever was measured: after an update, document and lock say just that, and a second update changes nothing."""

import json
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from audits.contract import lock_path, read_contract, updated_texts
from audits.result import Audit, Cell, Flow, Setting, Status

MODULES = ("encoder", "decoder", "predictor", "h_to_z")
LOSSES = ("jepa", "recon", "rank")
TABLE = st.lists(st.integers(0, 15), min_size=24, max_size=24)
CONDITION = st.sampled_from(["gate_a=True", "gate_b=True", "gate_c=False", "gate_a=False", "gate_c=True"])
CELLS = st.lists(st.sampled_from(MODULES), unique=True, max_size=4).flatmap(
    lambda names: st.integers(0, len(names)).map(lambda at: (", ".join(names[:at]), ", ".join(names[at:])))
)
EFFECT = st.tuples(
    st.lists(CONDITION, min_size=1, max_size=3, unique_by=lambda text: text[:6]).map(" and ".join),
    st.lists(st.sampled_from(LOSSES), min_size=1, max_size=3, unique=True).map(", ".join),
    CELLS,
)
EffectCells = tuple[str, str, tuple[str, str]]
FEW = settings(max_examples=60, deadline=None)


def made(toy: SimpleNamespace, table: Sequence[int]) -> Audit:
    """An audit at all 8 settings: for each of the 3 losses there a number, with a bit for each of the 4 modules."""
    bits = iter(table)
    flows = []
    for at in toy.every_setting():
        numbers = {loss: next(bits) for loss in LOSSES}
        live = {loss: [m for i, m in enumerate(MODULES) if number >> i & 1] for loss, number in numbers.items()}
        flows.append(toy.flow({loss: ", ".join(modules) for loss, modules in live.items()}, at=at))
    return toy.audit(*flows)


def document_of(effects: Sequence[EffectCells]) -> str:
    flow = "| Loss | Updates |\n| - | - |\n| jepa, recon | predictor |\n| rank | encoder + decoder |\n"
    rows = (f"| {gate} | {losses} | {gains} | {loses} |\n" for gate, losses, (gains, loses) in effects)
    return f"{flow}\n| Gate | Losses | Gains | Loses |\n| - | - | - | - |\n{''.join(rows)}"


def agrees(toy: SimpleNamespace, audit: Audit, path: Path) -> None:
    """Document and lock say what was measured, at every setting, and an update changes no byte."""
    contract = toy.contract(path, audited=audit.losses)
    for flow in audit.flows:
        for loss in audit.losses:
            assert contract.updates(loss, flow.setting) == set(flow.updated(loss))
    assert toy.checked(audit, path).passed
    texts = {file: file.read_text(encoding="utf-8") for file in (path, lock_path(path))}
    assert updated_texts(audit, path) == texts


@FEW
@given(TABLE)
def test_a_new_document_says_what_was_measured(toy: SimpleNamespace, table: list[int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "flow.md"
        toy.updated(made(toy, table), path)
        agrees(toy, made(toy, table), path)


@FEW
@given(TABLE, TABLE, st.lists(st.integers(0, 23), max_size=4))
def test_a_document_follows_a_changed_trainer(
    toy: SimpleNamespace, first: list[int], second: list[int], changed: list[int]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "flow.md"
        toy.updated(made(toy, first), path)
        table = [second[at] if at in changed else value for at, value in enumerate(first)]
        toy.updated(made(toy, table), path)
        agrees(toy, made(toy, table), path)


@FEW
@given(TABLE, st.lists(EFFECT, max_size=6))
def test_any_document_that_people_wrote_is_brought_up_to_date(
    toy: SimpleNamespace, table: list[int], effects: list[EffectCells]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "flow.md"
        path.write_text(document_of(effects), encoding="utf-8")
        toy.updated(made(toy, table), path)
        agrees(toy, made(toy, table), path)


@FEW
@given(TABLE, TABLE, st.sets(st.sampled_from(LOSSES), min_size=1), st.sets(st.integers(0, 7), min_size=1))
def test_an_audit_of_a_part_brings_that_part_up_to_date(
    toy: SimpleNamespace, first: list[int], second: list[int], losses: set[str], flows: set[int]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "flow.md"
        toy.updated(made(toy, first), path)
        before = toy.contract(path)
        part = part_of(made(toy, second), losses, flows)
        toy.updated(part, path)
        agrees(toy, part, path)
        after, others = toy.contract(path), [loss for loss in LOSSES if loss not in losses]
        for at in toy.every_setting():
            assert all(after.updates(loss, at) == before.updates(loss, at) for loss in others)


def part_of(audit: Audit, losses: set[str], flows: set[int]) -> Audit:
    kept = tuple(loss for loss in audit.losses if loss in losses)
    made = (
        Flow(flow.setting, {k: v for k, v in flow.cells.items() if k[0] in kept}, dict.fromkeys(kept, ()))
        for at, flow in enumerate(audit.flows)
        if at in flows
    )
    return replace(audit, losses=kept, flows=tuple(made))


def test_the_thirty_losses_at_all_eight_gate_settings(tmp_path: Path, toy: SimpleNamespace) -> None:
    spec = json.loads((Path(__file__).parents[2] / "spec" / "gradient_flow.json").read_text(encoding="utf-8"))
    defaults: dict[str, Any] = {"detach_z_from_h_and_p": True, "detach_decoder": False, "pose_delta_detach_h": True}
    flows = []
    for told in spec["settings"]:
        cells = {
            (loss, module): Cell(loss, module, Status.LIVE if module in live else Status.ABSENT)
            for loss, live in told["updates"].items()
            for module in spec["modules"]
        }
        flows.append(Flow(Setting({name: told["gates"][name] for name in defaults}, defaults), cells, {}))
    gates = {name: (value, not value) for name, value in defaults.items()}
    losses, modules = tuple(spec["settings"][0]["updates"]), tuple(spec["modules"])
    audit = Audit("jepa", {}, losses, modules, tuple(flows), known=losses, gates=gates)
    toy.write(updated_texts(audit, tmp_path / "flow.md"))
    contract = read_contract(tmp_path / "flow.md", losses=losses, modules=modules, gates=gates)
    for flow in flows:
        for loss in audit.losses:
            assert contract.updates(loss, flow.setting) == set(flow.updated(loss))
    assert len(contract.document.effects) == 6
