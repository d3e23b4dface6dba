"""What is drawn is what was measured: read back from the DOT, arrow by arrow, and compared with the audit."""

import warnings
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audits import Audit
from audits.diagram.composing import compose
from audits.diagram.survey import surveys
from audits.legend import Legend
from jepa_world_model.gradient_flow.target import LEGEND
from jepa_world_model.losses import LOSSES
from tests.audits.diagram.world import read, world
from tests.audits.test_traps import AUDITED, outcome
from tests.audits.traps import Trap
from tests.spec.specified import SPECIFIED


@settings(max_examples=25, deadline=None)
@given(
    specified=st.sampled_from(SPECIFIED),
    losses=st.sets(st.sampled_from(list(LOSSES)), min_size=1, max_size=len(LOSSES)),
)
def test_the_edges_drawn_equal_the_table(specified: dict, losses: set[str]) -> None:
    survey = world(specified["gates"], [loss for loss in LOSSES if loss in losses])
    drawn = read(compose(survey, LEGEND))
    for loss in survey.losses:
        table = set(survey.flow.updated(loss))
        assert drawn.updated(loss) == drawn.reached(loss) == table == set(specified["updates"][loss])


@pytest.mark.parametrize("specified", SPECIFIED, ids=lambda each: "+".join(g for g, on in each["gates"].items() if on))
def test_the_cuts_drawn_are_those_of_the_audit(specified: dict) -> None:
    """But for a frozen module, which is a box of its own, and a cut only where nothing else ends at it."""
    survey = world(specified["gates"], list(LOSSES))
    drawn = read(compose(survey, LEGEND, together={loss: (loss,) for loss in LOSSES}))
    for loss in survey.losses:
        stops = {
            f"{Path(stop.place.path).name}:{stop.place.line}": stop.place.text.startswith("frozen_")
            for stop in survey.flow.stops[loss]
        }
        assert {place for place, frozen in stops.items() if not frozen} <= drawn.cuts(loss) <= set(stops)


def test_no_update_is_drawn_past_the_data() -> None:
    """Each has a way along the arrows of data: none needed an arrow of its own."""
    for specified in SPECIFIED:
        picture = compose(world(specified["gates"], list(LOSSES)), LEGEND)
        assert all(arrow.data for arrow in picture.arrows)


@pytest.mark.slow
@pytest.mark.parametrize("trap", AUDITED, ids=lambda trap: trap.name)
def test_every_trap_is_drawn_as_audited(trap: Trap) -> None:
    found = outcome(trap).result
    assert isinstance(found, Audit)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for survey in surveys(trap.target(), found):
            drawn = read(compose(survey, Legend()))
            for loss in survey.losses:
                assert drawn.updated(loss) == drawn.reached(loss) == set(survey.flow.updated(loss))


@pytest.mark.slow
def test_losses_may_be_reordered_without_changing_what_is_drawn() -> None:
    one, other = (read(compose(world(losses=losses), LEGEND)) for losses in (["jepa", "z2h"], ["z2h", "jepa"]))
    assert {loss: one.updated(loss) for loss in ("jepa", "z2h")} == {
        loss: other.updated(loss) for loss in ("jepa", "z2h")
    }
