"""What stands in a picture: boxes that losses share, marks of gates and stops, remarks, notes."""

from pathlib import Path

import pytest
from torch import Tensor, nn, rand

from audits import Target
from audits.dataflow.values import Kind, Node
from audits.diagram.boxes import key
from audits.diagram.composing import compose
from audits.diagram.kinship import alike, families
from audits.diagram.picture import Picture, Shape, Tone
from audits.legend import Legend
from jepa_world_model.gradient_flow.target import LEGEND
from jepa_world_model.losses import LOSSES, embedding
from jepa_world_model.model import ROLES
from tests.audits.diagram.small import small
from tests.audits.diagram.world import ENABLED, OPEN, surveyed, world

MOST_BOXES = 70


@pytest.fixture(scope="module")
def picture() -> Picture:
    return compose(*small())


def lines(picture: Picture, shape: Shape) -> list[tuple[str, ...]]:
    return [box.lines for box in picture.boxes if box.shape is shape]


def marks(picture: Picture, shape: Shape) -> dict[str, tuple[str, ...]]:
    """By name: the losses whose gradient ends at a cut, or passes a gate."""
    return {box.lines[0]: box.losses for box in picture.boxes if box.shape is shape}


def test_losses_of_a_family_that_do_the_same_share_a_box(picture: Picture) -> None:
    assert ("reconstruct", "sharpen") in lines(picture, Shape.LOSS)
    assert ("value",) in lines(picture, Shape.LOSS)


def test_losses_of_two_families_never_share_a_box() -> None:
    survey, _ = small()
    assert all(len(members) == 1 for members in alike([survey], Legend()).values())


@pytest.mark.slow
def test_losses_that_part_at_another_setting_share_no_box() -> None:
    one, two = world({}, list(LOSSES)), world({"detach_z_from_h_and_p": False, "detach_decoder": True}, list(LOSSES))
    assert alike([one], LEGEND)["rollout_kstep_h"] == ("rollout_kstep_h", "rollout_kstep_delta_h")
    together = alike([one, two], LEGEND)
    for loss, members in together.items():
        assert {survey.flow.updated(loss) for survey in (one,)} == {one.flow.updated(member) for member in members}
        assert {two.flow.updated(loss)} == {two.flow.updated(member) for member in members}


@pytest.mark.slow
def test_families_keep_their_place_whatever_is_shown() -> None:
    assert list(compose(world(losses=["scale_dp"]), LEGEND).families) == list(compose(world(), LEGEND).families)


def test_a_loss_in_no_family_is_one_of_its_own() -> None:
    found = families(Legend(families={"images": ["sharpen", "reconstruct", "unknown"]}), ["reconstruct", "value"])
    assert found == {"images": ("reconstruct",), "value": ("value",)}


def test_a_closed_gate_is_a_cut_and_an_open_one_a_mark_on_the_way() -> None:
    closed, opened = compose(*small()), compose(*small(judged=True))
    assert marks(closed, Shape.CUT)["gate critic_trains_encoder"] == ("value",)
    assert marks(closed, Shape.GATE) == {}
    assert marks(opened, Shape.GATE) == {"gate critic_trains_encoder": ("value",)}
    assert "gate critic_trains_encoder" not in marks(opened, Shape.CUT)


def test_open_gates_can_be_left_out() -> None:
    assert marks(compose(*small(judged=True), gates=False), Shape.GATE) == {}


@pytest.mark.slow
def test_a_cut_names_file_and_line_and_the_function_if_asked() -> None:
    survey = world(losses=["jepa"])
    (cut,) = (box for box in compose(survey, LEGEND, detail=True).boxes if box.lines[0] == "sg_z")
    line = next(n for n, text in enumerate(Path(embedding.__file__).read_text().splitlines(), 1) if "def jepa(" in text)
    assert cut.lines == ("sg_z", f"embedding.py:{line}", "in jepa")
    assert cut.hint == f"gradient of jepa ends at jepa_world_model/losses/embedding.py:{line} sg_z"


def test_a_module_that_is_used_without_an_update_stands_apart(picture: Picture) -> None:
    assert ("critic", "no update") in lines(picture, Shape.FROZEN)
    assert ("critic",) in lines(picture, Shape.MODULE)


def test_a_vacuous_update_is_said(picture: Picture) -> None:
    assert ("encoder", "○ vacuous: nothing") in lines(picture, Shape.FROZEN)


def test_an_idle_update_is_said() -> None:
    net = nn.ModuleDict({"far": nn.Linear(2, 2), "near": nn.Linear(2, 2)})

    def losses(x: Tensor) -> dict[str, Tensor]:
        return {"hinge": (net["far"](x).mean() + (10 if x[0, 0] > 0 else -10)).relu()}

    batches = [-1 - rand(2, 2), 1 + rand(2, 2)]
    picture = compose(surveyed(Target(net, losses, batches=batches)), Legend())
    assert ("far", "◐ idle: hinge") in lines(picture, Shape.MODULE)


def test_weights_that_never_learn_are_said_to_be_frozen() -> None:
    net = nn.ModuleDict({"encoder": nn.Linear(2, 2), "head": nn.Linear(2, 2)})
    net["encoder"].requires_grad_(False)
    target = Target(net, lambda x: {"task": net["head"](net["encoder"](x)).mean()}, batches=[rand(2, 2)])
    assert ("encoder", "no update") in lines(compose(surveyed(target), Legend()), Shape.FROZEN)


def test_a_single_loss_is_told_in_detail() -> None:
    picture = compose(world(losses=["jepa"]), LEGEND, detail=True)
    remarks = {box.lines[0]: box.lines[1:] for box in picture.boxes if box.shape is Shape.MODULE}
    assert remarks["predictor"][0].startswith("live, paths: ")
    assert remarks["encoder"] == ()


def test_shared_weights_are_told_by_an_arrow_beside_the_data() -> None:
    net = nn.ModuleDict({"embed": nn.Linear(2, 2, bias=False), "unembed": nn.Linear(2, 2, bias=False)})
    net["unembed"].weight = net["embed"].weight
    target = Target(net, lambda x: {"task": net["embed"](x).mean()}, batches=[rand(2, 2)])
    (beside,) = (arrow for arrow in compose(surveyed(target), Legend()).arrows if not arrow.data)
    assert (beside.source, beside.sink) == ("module.unembed", "loss.task")
    assert "shared weights" in beside.hint


@pytest.mark.slow
def test_modules_that_are_not_in_the_picture_are_named(picture: Picture) -> None:
    assert picture.notes == ("not used by these losses: spare",)
    assert compose(world(losses=["sigreg"]), LEGEND).notes[0].startswith("not used by sigreg: decoder, ")


def test_modules_stand_with_their_states_and_what_is_between_them(picture: Picture) -> None:
    assert {"module.encoder", "state.z", "module.decoder"} <= set(picture.groups["perception"])
    groups = compose(world(), LEGEND).groups
    assert "state.ẑ" in groups["dynamics"]
    assert any(box.startswith("gate.state.z") for box in groups["perception"])
    placed = [box for members in groups.values() for box in members]
    assert len(placed) == len(set(placed))


def test_every_module_of_the_world_model_has_one_role_and_every_loss_one_family() -> None:
    survey = world(losses=list(LOSSES))
    assert sorted(module for members in ROLES.values() for module in members) == sorted(survey.modules)
    assert sorted(loss for members in LEGEND.families.values() for loss in members) == sorted(LOSSES)


@pytest.mark.parametrize("gates", [{}, OPEN, {"detach_decoder": True}, {"pose_delta_detach_h": False}], ids=str)
@pytest.mark.parametrize("losses", [ENABLED, tuple(LOSSES)], ids=["enabled", "all"])
def test_a_picture_is_small_enough_to_be_read(gates: dict, losses: tuple[str, ...]) -> None:
    assert len(compose(world(gates, losses), LEGEND).boxes) <= MOST_BOXES


@pytest.mark.slow
def test_losses_that_are_not_asked_for_are_absent() -> None:
    shown = {loss for box in compose(world(losses=["jepa", "z2h"]), LEGEND).boxes for loss in box.losses}
    assert shown == {"jepa", "z2h"}


def test_what_only_feeds_is_faint(picture: Picture) -> None:
    boxes = {box.key: box for box in compose(world(losses=["jepa"]), LEGEND).boxes}
    assert boxes[key(Node(Kind.MODULE, "encoder"))].tone is Tone.FAINT
    assert boxes[key(Node(Kind.MODULE, "predictor"))].tone is Tone.PLAIN
