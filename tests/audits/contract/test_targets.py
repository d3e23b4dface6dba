"""The column Target: what it says, and which stops are a loss's own."""

from types import SimpleNamespace
from typing import Any

import pytest

from audits.contract.targets import differs, own_stops, read_target, stop_names, target_text
from audits.places import StopKind


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sg(z)", {"z"}),
        ("`sg(z_{t+1})` and sg( h )", {"z_{t+1}", "h"}),
        (r"sg(z\_hat)", {"z_hat"}),
        ("sg(p_{t+2} - p_t)", {"p_{t+2}-p_t"}),
        ("sg(f(x)) of the teacher", {"f(x)"}),
        ("sg(sg(z))", {"sg(z)"}),
        ("yes", True),
        ("Stop-grad", True),
        ("no", False),
        ("None.", False),
        ("—", False),
        ("-", False),
        ("", None),
        ("the image", None),
        ("msg(z)", None),
        ("sg(z", None),
        ("no target at all", None),
    ],
)
def test_what_a_cell_says(text: str, said: Any) -> None:
    assert read_target(text) == said


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("sg_z", "z"),
        ("z.detach()", "z"),
        ("z[:,\n  1:].detach()", "z[:,1:]"),
        ("stop(f(z))", "f(z)"),
        ("stop(a) + stop(b)", "stop(a)+stop(b)"),
        ("frozen_head", "frozen_head"),
    ],
)
def test_the_name_of_a_stop(toy: SimpleNamespace, text: str, name: str) -> None:
    assert stop_names([toy.stop(text)]) == {name}


@pytest.mark.parametrize("names", [{"z"}, {"h", "z[:,1:]"}, {"f(x)"}, {"(a|b)"}, set()])
def test_the_text_reads_back(names: set[str]) -> None:
    assert read_target(target_text(names)) == (names or False)


def test_a_name_whose_brackets_do_not_close_is_not_written() -> None:
    assert target_text({'z[")"]'}) == "yes"


def test_own_stops_are_deliberate_made_by_no_gate_and_shared_with_no_loss(toy: SimpleNamespace) -> None:
    own, shared, gate = toy.stop("sg_z"), toy.stop("stop(seed)"), toy.stop("gate(z)", gate="gate_a")
    rounding = toy.stop("action.argmax(-1)", kind=StopKind.NOT_DIFFERENTIABLE)
    flow = toy.flow(stops={"jepa": [own, shared, gate, rounding], "rank": [shared]})
    assert own_stops(flow, "jepa") == (own,)
    assert own_stops(flow, "rank") == ()


@pytest.mark.parametrize(
    ("said", "partial", "drifts"),
    [
        (None, False, False),
        (True, False, False),
        (False, False, True),
        (frozenset({"z"}), False, False),
        (frozenset({"z", "h"}), False, True),
        (frozenset({"seed"}), False, True),
        (frozenset({"z"}), True, False),
        (frozenset(), True, False),
        (False, True, False),
        (frozenset({"h"}), True, True),
    ],
)
def test_when_a_cell_differs_from_the_measurement(toy: SimpleNamespace, said: Any, partial: bool, drifts: bool) -> None:
    shared = toy.stop("stop(seed)")
    flow = toy.flow(stops={"jepa": [toy.stop("sg_z"), shared], "rank": [shared]})
    assert differs(said, flow, "jepa", partial=partial) is drifts


def test_a_stop_is_missing_where_only_a_gate_makes_one(toy: SimpleNamespace) -> None:
    flow = toy.flow(stops={"jepa": [toy.stop("gate(z)", gate="gate_a")]})
    assert differs(True, flow, "jepa", partial=False)
