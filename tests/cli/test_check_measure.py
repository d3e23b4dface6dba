"""What a check measures is the difference of two audits, and what its rules say of it."""

from functools import cache
from pathlib import Path

import pytest
from typer.testing import CliRunner

from audits import Audit, audit
from jepa_cli.app import app
from jepa_cli.check.measure import measured
from jepa_world_model.config_file import load_config
from jepa_world_model.errors import UserError
from jepa_world_model.gradient_flow.target import jepa_target
from jepa_world_model.record import record
from jepa_world_model.rules import RULES, Check, Rule
from jepa_world_model.rules.edits import effects
from jepa_world_model.rules.judging import judge
from jepa_world_model.settings import default_settings, read_settings

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("reference_by_default")]

MEASURED = [rule for rule in RULES.values() if rule.measured]


@cache
def checks(*overrides: str) -> tuple[Check, Check]:
    """Of some settings beside the defaults."""
    return measured(read_settings(None, overrides), default_settings())


@cache
def audited(*overrides: str) -> Audit:
    """The enabled losses of a config at its gates, audited by itself."""
    config = load_config(None, ["train.perception_share=0", *overrides])
    gates = read_settings(None, overrides).gates
    return audit(jepa_target(config), settings=[gates], losses=[loss.name for loss in config.enabled])


def updates(*overrides: str) -> set[tuple[str, str]]:
    flow = audited(*overrides).flows[0]
    return {pair for pair, cell in flow.cells.items() if cell.status.updates}


GATES = {
    "encoder-shaped-by-dynamics": ("train.detach_z_from_h_and_p=false", "train.detach_z_from_h_and_p=true"),
    "dynamics-shaped-by-pose": ("model.pose_delta_detach_h=false", "model.pose_delta_detach_h=true"),
}


@pytest.mark.parametrize("further", [[], ["losses.sigreg=1"], ["losses.rollout_kstep_z=1", "losses.jepa=0"]], ids=str)
@pytest.mark.parametrize("rule", GATES)
def test_what_a_gate_rule_measures_is_the_difference_of_two_audits(rule: str, further: list[str]) -> None:
    opened, closed = GATES[rule]
    check, _ = checks(opened, *further)
    (found,) = RULES[rule].look(check)
    gained = updates(opened, *further) - updates(closed, *further)
    assert set(found.subjects) == {loss for loss, _ in gained} != set()
    told = {(loss, fact.partition(" is updated")[0]) for fact in found.facts for loss in found.subjects if loss in fact}
    assert gained <= told
    assert {module for _, module in told} == {module for _, module in gained}


def test_both_gates_open() -> None:
    check, _ = checks(*(opened for opened, _ in GATES.values()))
    for rule, (opened, closed) in GATES.items():
        others = [each for each, _ in GATES.values() if each != opened]
        gained = updates(opened, *others) - updates(closed, *others)
        (found,) = RULES[rule].look(check)
        assert set(found.subjects) == {loss for loss, _ in gained}


def test_what_was_measured_is_what_was_recorded() -> None:
    for overrides in ((), ("train.detach_z_from_h_and_p=false",), ("train.detach_decoder=true", "losses.sigreg=1")):
        check, _ = checks(*overrides)
        recorded = record().routing(check.settings.gates).updates
        assert {loss: set(check.routing.updates[loss]) for loss in check.enabled} == {
            loss: set(recorded[loss]) for loss in check.enabled
        }


def test_shares_are_those_of_the_audit_at_the_new_weights() -> None:
    overrides = ("losses.geometry_rank_p=5", "losses.sigreg=0.3")
    check, before = checks(*overrides)
    assert check.measurement is not None
    flow = audited(*overrides).flows[0]
    for module, shares in check.measurement.shares.items():
        assert sum(shares.values()) == pytest.approx(1)
        for loss, share in shares.items():
            assert share == pytest.approx(flow.cells[loss, module].share, rel=1e-3)
        assert list(shares.values()) == sorted(shares.values(), reverse=True)
    assert before.measurement is not None
    assert "sigreg" not in before.measurement.shares["encoder"]


def test_cosines_do_not_depend_on_weights() -> None:
    one, two = (checks(f"losses.jepa={weight}")[0].measurement for weight in (1, 7))
    assert one is not None
    assert two is not None
    assert one.opposed == two.opposed


@pytest.mark.parametrize("rule", MEASURED, ids=lambda rule: rule.id)
def test_a_measured_rule_finds_what_triggers_it_and_passes_what_is_near(rule: Rule) -> None:
    """Beside the defaults, whose own untrained weights have opposed losses too."""

    def new(overrides: tuple[str, ...]) -> bool:
        return any(finding.rule is rule and not finding.known for finding in judge(*checks(*overrides)))

    assert new(rule.triggers)
    assert not new(rule.passes)


def test_the_defaults_have_nothing_to_look_at() -> None:
    findings = judge(*checks())
    assert not [finding.rule.id for finding in findings if finding.counts(finding.level.WARNING)]


def test_a_model_of_another_shape_is_measured_beside_the_old_one() -> None:
    check, before = checks("model.h_dim=1")
    assert check.measurement is not None
    assert before.measurement is not None
    assert ("jepa", "predictor") in check.measurement.vacuous
    assert before.measurement.vacuous == []
    assert "this edit keeps 6 losses from predictor: " in "\n".join(effects(before, check))


def test_settings_that_cannot_be_trained_are_not_measured() -> None:
    with pytest.raises(UserError, match=r"losses\.jepa"):
        measured(read_settings(None, ["losses.jepa=-1"]), default_settings())


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was trained for two steps."""
    from tests.conftest import SMALL, sketched_pictures

    folder = tmp_path_factory.mktemp("run") / "run"
    settings = [argument for setting in (*SMALL, "train.steps=2") for argument in ("--set", setting)]
    with sketched_pictures():
        assert CliRunner().invoke(app, ["train", "--out", str(folder), *settings]).exit_code == 0
    return folder


def test_a_checkpoint_is_measured_at_its_weights(run: Path) -> None:
    settings = read_settings(run / "config.toml")
    edited = read_settings(run / "config.toml", ["losses.sigreg=0.1"])
    check, _ = measured(edited, settings, run)
    assert check.measurement is not None
    assert "sigreg" in check.measurement.shares["encoder"]
    untrained, _ = measured(edited, settings)
    assert untrained.measurement is not None
    assert check.measurement.shares != untrained.measurement.shares


def test_a_checkpoint_of_another_shape_is_refused(run: Path) -> None:
    other = read_settings(run / "config.toml", ["model.h_dim=7"])
    with pytest.raises(UserError, match=r"does not fit the config that was given:\n.*expected"):
        measured(other, other, run)
