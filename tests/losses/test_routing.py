"""Which modules each loss really updates, at each setting of the three gates: equal to the specification."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from torch import Tensor
from torch.nn.functional import l1_loss, mse_loss

from audits import audit
from jepa_world_model.config_file import load_config
from jepa_world_model.gradient_flow.target import jepa_target
from jepa_world_model.losses import LOSSES
from jepa_world_model.model import WorldModel
from jepa_world_model.record import record
from jepa_world_model.states import Gates, States
from tests.losses.conftest import SPEC

SETTINGS = SPEC["settings"]
CONTRACT = (Path(__file__).parents[2] / "docs" / "gradient_flow.md").read_text(encoding="utf-8")
LOSS_TABLES = CONTRACT.partition("## Gates")[0]


def setting_id(setting: dict) -> str:
    return "+".join(gate for gate, closed in setting["gates"].items() if closed) or "open"


@pytest.fixture(scope="module", params=SETTINGS, ids=setting_id)
def setting(request: pytest.FixtureRequest) -> dict:
    return request.param


@pytest.fixture(scope="module")
def states(setting: dict, make_states: Callable[..., States]) -> States:
    return make_states(Gates(**setting["gates"]))


@pytest.mark.slow
@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_updates_what_the_specification_says(
    name: str, setting: dict, states: States, updated: Callable[[Tensor], set[str]]
) -> None:
    assert updated(LOSSES[name](states)) == set(setting["updates"][name])


@pytest.mark.parametrize("name", LOSSES)
def test_declared_updates_are_those_specified_recorded_and_documented_at_the_default_gates(name: str) -> None:
    default = next(setting for setting in SETTINGS if Gates(**setting["gates"]) == Gates())
    declared = sorted(LOSSES[name].updates)
    assert default["updates"][name] == declared
    assert sorted(record().routing(vars(Gates())).updates[name]) == declared
    assert documented(name) == declared


def documented(loss: str) -> list[str]:
    """The modules in the third column of the loss's row of the contract; brackets are remarks."""
    (cell,) = re.findall(rf"^\|[^|]*`{loss}`[^|]*\|[^|]*\|([^|]*)\|[^|]*\|$", LOSS_TABLES, re.M)
    named = re.findall(r"\w+", re.sub(r"\([^)]*\)", "", cell))
    return sorted(module for module in record().modules if module in named)


def test_the_specification_covers_every_setting_loss_and_module(spec: dict, model: WorldModel) -> None:
    assert len({Gates(**setting["gates"]) for setting in spec["settings"]}) == 2**3
    assert all(set(setting["updates"]) == set(LOSSES) for setting in SETTINGS)
    assert spec["modules"] == [name for name, _ in model.named_children()]


@pytest.mark.parametrize("distance", [mse_loss, l1_loss])
def test_an_identity_updates_nothing(
    distance: Callable[[Tensor, Tensor], Tensor], make_states: Callable[..., States], updated: Callable
) -> None:
    states = make_states()
    rounding = 1 + 1e-15  # so that the difference is noise, as between two ways to sum, and not exactly zero
    identity = distance(states.imagined_h[0] * rounding, states.h[:, 1:].detach())
    assert identity.grad_fn is not None
    assert updated(identity) == set()


@pytest.mark.slow
def test_routes_do_not_depend_on_the_number_of_windows() -> None:
    """A run is audited at its own batch, and compared with what was written down at a small one."""
    names = ["loop_q", "scale_q", "action_delta_q"]
    config = load_config(preset="reference")
    few, many = (audit(jepa_target(config, windows=windows), losses=names).flows[0] for windows in (3, 48))
    for name in names:
        assert many.routes[name] == few.routes[name]
        assert {str(stop) for stop in many.stops[name]} == {str(stop) for stop in few.stops[name]}
