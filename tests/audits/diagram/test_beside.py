"""Pictures beside another setting, and beside a document."""

from pathlib import Path

import pytest

from audits import Audit, audit
from audits.contract import against
from audits.diagram.composing import compose
from audits.diagram.contrast import changes, contrast
from audits.diagram.documented import beside_document
from audits.diagram.matrix import matrix
from audits.diagram.picture import Arrow, Picture, Shape, Tone
from audits.diagram.survey import surveys
from audits.diagram.text import text
from jepa_world_model.gradient_flow.target import LEGEND
from tests.audits.diagram.small import LEGEND as SMALL_LEGEND
from tests.audits.diagram.small import small, target
from tests.audits.diagram.world import ENABLED, OPEN, read, world

TABLE = """\
| Loss | Updates |
| --- | --- |
| reconstruct | encoder, decoder |
| sharpen | decoder |
| value | critic, spare |
| follow | encoder |
| please | encoder, decoder |
| nothing | none |
"""


def toned(picture: Picture, tone: Tone) -> set[tuple[str, str, tuple[str, ...]]]:
    return {(arrow.source, arrow.sink, arrow.losses) for arrow in picture.arrows if arrow.tone is tone and arrow.losses}


@pytest.fixture(scope="module")
def opened() -> Picture:
    return contrast(world(OPEN), world(), LEGEND, title="opened")


@pytest.mark.slow
def test_an_opened_gate_adds_gradient_and_removes_a_cut(opened: Picture) -> None:
    reaching = ("jepa", "h2z", "action_delta_h", "rollout_kstep_h", "rollout_kstep_delta_h", "inverse_dynamics_h")
    assert toned(opened, Tone.ADDED) == {
        ("module.encoder", "state.z", reaching),
        ("state.z", "module.predictor", reaching),
    }
    (cut,) = (box for box in opened.boxes if box.tone is Tone.REMOVED)
    assert (cut.shape, cut.lines[0]) == (Shape.CUT, "gate detach_z_from_h_and_p")
    assert toned(opened, Tone.REMOVED) == {(cut.key, "module.predictor", reaching)}


def test_the_other_way_round_adds_and_removes_are_exchanged(opened: Picture) -> None:
    closed = contrast(world(), world(OPEN), LEGEND, title="closed")
    assert toned(closed, Tone.ADDED) == toned(opened, Tone.REMOVED)
    assert toned(closed, Tone.REMOVED) == toned(opened, Tone.ADDED)


def test_a_module_says_what_it_gains(opened: Picture) -> None:
    encoder, decoder = (next(box for box in opened.boxes if box.lines[0] == name) for name in ("encoder", "decoder"))
    assert encoder.lines == ("encoder", "+ 6 losses")
    assert (encoder.tone, decoder.tone) == (Tone.PLAIN, Tone.FAINT)


def test_added_and_kept_gradient_together_are_what_was_measured(opened: Picture) -> None:
    arrows = [arrow for arrow in opened.arrows if arrow.tone in (Tone.FAINT, Tone.ADDED)]
    flow = world(OPEN).flow
    for loss in ENABLED:
        drawn = {a.source for a in arrows if loss in a.losses and a.source.startswith("module.")}
        assert drawn == {f"module.{module}" for module in flow.updated(loss)}


@pytest.mark.slow
def test_an_enabled_loss_is_added_with_its_box() -> None:
    picture = contrast(world(losses=[*ENABLED, "sigreg"]), world(), LEGEND, title="sigreg")
    assert [box.lines for box in picture.boxes if box.tone is Tone.ADDED] == [("sigreg",)]
    assert toned(picture, Tone.ADDED) == {
        ("module.encoder", "state.z", ("sigreg",)),
        ("state.z", "loss.sigreg", ("sigreg",)),
    }
    assert picture.notes == ("+ encoder: updated by sigreg",)


@pytest.mark.slow
def test_a_disabled_loss_is_removed_with_what_only_it_used() -> None:
    picture = contrast(world(losses=[loss for loss in ENABLED if loss != "z2h"]), world(), LEGEND, title="no z2h")
    assert {box.key for box in picture.boxes if box.tone is Tone.REMOVED} >= {"loss.z2h", "frozen.h_to_z"}
    assert picture.notes == ("- z_to_h: no longer updated by z2h",)
    assert "z2h" not in text(picture).partition("updates")[2].rpartition("\n\n")[0]


def test_beside_itself_nothing_changes() -> None:
    picture = contrast(world(), world(), LEGEND, title="same")
    assert picture.notes == ("nothing changes: every loss updates the same modules",)
    assert toned(picture, Tone.ADDED) == toned(picture, Tone.REMOVED) == set()
    assert not [box for box in picture.boxes if box.tone in (Tone.ADDED, Tone.REMOVED)]


def test_changes_in_words() -> None:
    assert list(changes(small(judged=True)[0], small()[0])) == ["+ encoder: updated by value"]
    assert list(changes(small()[0], small(judged=True)[0])) == ["- encoder: no longer updated by value"]


@pytest.fixture
def documented(tmp_path: Path) -> Picture:
    (tmp_path / "FLOW.md").write_text(TABLE)
    found: Audit = audit(target())
    (survey,) = surveys(target(), found)
    comparison = against(found, tmp_path / "FLOW.md")
    return beside_document(compose(survey, SMALL_LEGEND), comparison, setting="default", document="FLOW.md")


def test_a_document_that_says_too_little_and_one_that_says_too_much(documented: Picture) -> None:
    assert toned(documented, Tone.UNDOCUMENTED) == {("module.encoder", "loss.reconstruct", ("sharpen",))}
    assert toned(documented, Tone.UNMEASURED) == {("module.spare", "loss.value", ("value",))}
    assert "FLOW.md: 2 drifts" in documented.notes


def test_claims_are_no_measured_gradient(documented: Picture) -> None:
    drawn = read(documented)
    assert drawn.updated("value") == drawn.reached("value") == {"critic"}
    assert drawn.updated("sharpen") == {"encoder", "decoder"}


def test_a_module_that_only_the_document_knows_is_drawn(documented: Picture) -> None:
    (spare,) = (box for box in documented.boxes if box.lines == ("spare",))
    assert spare.tone is Tone.FAINT


def test_claims_in_text(documented: Picture) -> None:
    told = text(documented)
    assert "! sharpen: expected does not update encoder, found live" in told
    assert "? value: expected updates spare, found absent" in told
    assert "! measured, not documented   ? documented, not measured" in told


def test_a_document_that_is_right(tmp_path: Path) -> None:
    right = TABLE.replace("| sharpen | decoder |", "| sharpen | encoder, decoder |").replace("critic, spare", "critic")
    (tmp_path / "FLOW.md").write_text(right)
    found = audit(target())
    comparison = against(found, tmp_path / "FLOW.md")
    picture = compose(*small())
    beside = beside_document(picture, comparison, setting="default", document="FLOW.md")
    assert (beside.arrows, beside.boxes) == (picture.arrows, picture.boxes)
    assert beside.notes[-1] == "FLOW.md: as documented"


def test_drifts_of_another_setting_are_not_drawn(tmp_path: Path) -> None:
    speaks_of_the_gate = "\n| Gate | Losses | Gains |\n| --- | --- | --- |\n| critic_trains_encoder=True | — | — |\n"
    (tmp_path / "FLOW.md").write_text(TABLE + speaks_of_the_gate)
    found = audit(target(), settings="all")
    comparison = against(found, tmp_path / "FLOW.md")
    closed, opened = (
        beside_document(
            compose(survey, SMALL_LEGEND), comparison, setting=survey.flow.setting.label, document="FLOW.md"
        )
        for survey in surveys(target(), found)
    )
    undocumented: list[set[str]] = [
        {arrow.losses[0] for arrow in picture.arrows if arrow.tone is Tone.UNDOCUMENTED} for picture in (closed, opened)
    ]
    assert undocumented == [{"sharpen"}, {"sharpen", "value"}]


def test_a_heat_map_marks_what_differs(tmp_path: Path) -> None:
    fields = matrix(world(OPEN), LEGEND, title="heat", other=world()).fields
    assert {pair for pair, field in fields.items() if field.tone is Tone.ADDED} == {
        (loss, "encoder")
        for loss in ENABLED
        if "encoder" in set(world(OPEN).flow.updated(loss)) - set(world().flow.updated(loss))
    }
    (tmp_path / "FLOW.md").write_text(TABLE)
    comparison = against(audit(target()), tmp_path / "FLOW.md")
    marked = matrix(*small(), title="heat", comparison=comparison).fields
    assert marked["sharpen", "encoder"].tone is Tone.UNDOCUMENTED
    assert marked["value", "spare"].tone is Tone.UNMEASURED


def test_shares_of_a_heat_map_are_those_of_the_audit() -> None:
    survey = world()
    fields = matrix(survey, LEGEND, title="heat").fields
    for pair, field in fields.items():
        cell = survey.flow.cells[pair]
        assert (field.strength is not None) is cell.status.updates
        assert field.percent == ("" if not cell.share else f"{cell.share:.0%}"[:-1] if cell.share >= 0.005 else "<1")
    assert all(isinstance(arrow, Arrow) for arrow in compose(survey, LEGEND).arrows)
