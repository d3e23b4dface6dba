"""Every rule finds fault with what it is about, and with nothing near it."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from jepa_world_model.errors import UserError
from jepa_world_model.losses import LOSSES
from jepa_world_model.presets import PRESETS
from jepa_world_model.rules import RULES, Check, Level, Measurement, Opposition, Rule
from jepa_world_model.rules.judging import Finding, judge, recorded
from jepa_world_model.rules.reference import reference
from jepa_world_model.rules.rule import rule
from jepa_world_model.settings import default_settings, read_settings

ROOT = Path(__file__).parents[2]
UNMEASURED = [each for each in RULES.values() if not each.measured]


def check(*overrides: str, measurement: Measurement | None = None, preset: str = "reference") -> Check:
    made = recorded(read_settings(None, [f"preset={preset}", *overrides]))
    return Check(made.settings, made.routing, made.closed, measurement)


def messages(rule: str, *overrides: str, measurement: Measurement | None = None) -> list[str]:
    return [found.message for found in RULES[rule].look(check(*overrides, measurement=measurement))]


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("rule", UNMEASURED, ids=lambda rule: rule.id)
def test_a_rule_finds_what_triggers_it(rule: Rule, preset: str) -> None:
    assert list(rule.look(check(*rule.triggers, preset=preset)))


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("rule", UNMEASURED, ids=lambda rule: rule.id)
def test_a_rule_passes_what_is_near(rule: Rule, preset: str) -> None:
    assert rule.passes
    assert not list(rule.look(check(*rule.passes, preset=preset)))


def test_every_rule_has_a_trigger_unless_the_defaults_are_one() -> None:
    without = [each.id for each in RULES.values() if not each.triggers]
    assert without == ["h2z-beside-jepa"]
    assert all(RULES[id].level is Level.INFO for id in without)


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.id)
def test_a_rule_says_why_and_what_to_do(rule: Rule) -> None:
    assert rule.title
    assert rule.why.endswith(".")
    assert rule.remedy.endswith(".")


@pytest.mark.parametrize("preset", PRESETS)
def test_no_preset_gives_a_warning(preset: str) -> None:
    assert {finding.level for finding in judge(check(preset=preset))} <= {Level.INFO}


def test_the_reference_is_fresh() -> None:
    assert (ROOT / "docs" / "rules.md").read_text(encoding="utf-8") == reference(), "stale: run `make docs`"


def test_the_gravest_finding_comes_first() -> None:
    found = judge(check("losses.h2z=nan", "losses.action_delta_z=1", "losses.recon=1"))
    assert [finding.level for finding in found] == sorted((f.level for f in found), key=lambda level: -level.rank)
    assert found[0].level is Level.ERROR


# Messages -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "loss",
    [
        "action_delta_z",
        "inverse_dynamics_z",
        "rollout_kstep_z",
        "rollout_recon_z",
        "rollout_recon_multi_box_delta_z",
        "rollout_project_z",
    ],
)
def test_each_z_action_loss_is_one(loss: str) -> None:
    assert messages("z-action-loss", f"losses.{loss}=0.1") == [f"{loss} makes z compose under actions"]


def test_no_other_loss_is_a_z_action_loss() -> None:
    z_losses = {loss for loss in LOSSES if messages("z-action-loss", f"losses.{loss}=1")}
    assert z_losses == {loss for loss in LOSSES if loss.endswith("_z")}


def test_losses_through_an_open_gate_are_told_by_module() -> None:
    (found,) = RULES["dynamics-shaped-by-pose"].look(check("model.pose_delta_detach_h=false"))
    assert found.facts == (
        "predictor is updated by action_delta_dp, additivity_dp, rollout_kstep_p, scale_dp and geometry_rank_p too",
        "h_to_z is updated by rollout_kstep_p too",
    )
    assert found.message == "the dynamics are shaped by what makes poses easy: 5 losses pass the open gate"
    assert found.keys == ("model.pose_delta_detach_h",)


def test_both_gates_open_let_p_reach_the_encoder() -> None:
    both = ("model.pose_delta_detach_h=false", "train.detach_z_from_h_and_p=false")
    (found,) = RULES["encoder-shaped-by-dynamics"].look(check(*both))
    assert "scale_dp" in found.subjects
    (found,) = RULES["encoder-shaped-by-dynamics"].look(check(both[1]))
    assert "scale_dp" not in found.subjects


def test_an_open_gate_that_nothing_passes_is_told_too() -> None:
    off = [f"losses.{loss}=0" for loss in LOSSES if loss not in ("recon_multi_box", "z2h")]
    assert messages("encoder-shaped-by-dynamics", "train.detach_z_from_h_and_p=false", *off) == [
        "the gate is open, and no enabled loss passes it"
    ]


def test_any_loss_that_trains_the_encoder_saves_it() -> None:
    for loss in LOSSES:
        closed = check("train.detach_decoder=true", f"losses.{loss}=1")
        assert bool(messages("encoder-never-learns", "train.detach_decoder=true", f"losses.{loss}=1")) is (
            "encoder" not in closed.routing.updates[loss]
        )


def test_an_encoder_that_never_learns_is_told_once() -> None:
    found = [finding.rule.id for finding in judge(check("train.detach_decoder=true")) if finding.level != Level.INFO]
    assert found == ["encoder-never-learns"]


def test_a_module_that_only_feeds_names_what_would_train_it() -> None:
    (found,) = RULES["untrained-module"].look(check("losses.z2h=0"))
    assert found.keys == ("losses.z2h",)
    assert found.message == "z_to_h is used by 11 losses and updated by none"


def test_a_pose_on_untrained_dynamics() -> None:
    off = [f"losses.{loss}=0" for loss in LOSSES if loss not in ("scale_dp", "recon_multi_box")]
    assert messages("untrained-module", *off) == [
        "predictor is used by scale_dp and updated by none",
        "z_to_h is used by scale_dp and updated by none",
    ]


def test_numbers_are_named() -> None:
    assert messages("extreme-ratio", "losses.jepa=2e6") == ["jepa = 2e+06 is 2,000,000 times h2z = 1"]
    assert messages("negative-weight", "losses.jepa=-1", "losses.h2z=-2") == ["negative: jepa = -1 and h2z = -2"]
    assert messages("weight-not-finite", "losses.jepa=inf") == ["not a number: jepa = inf"]
    assert messages("rollout-too-shallow", "train.rollout_horizon=2") == [
        "a rollout of 2 steps is too shallow for rollout_kstep_p (needs 3)"
    ]


# Measured -------------------------------------------------------------------------------------------------------

PULLED = Opposition("predictor", ("jepa", "h2z"), -0.5, -0.7, -0.3)
IN_DOUBT = Opposition("predictor", ("jepa", "h2z"), -0.5, -0.95, -0.05)


def test_losses_pull_apart_where_the_whole_interval_does() -> None:
    assert messages("losses-pull-apart", measurement=Measurement(opposed=[PULLED], batches=8)) == [
        "jepa and h2z pull predictor apart: cosine -0.50, 95 % interval -0.70 to -0.30 over 8 batches"
    ]
    assert messages("losses-pull-apart", measurement=Measurement(opposed=[IN_DOUBT], batches=8)) == []


def test_a_vacuous_loss_counts_only_if_it_is_enabled() -> None:
    measurement = Measurement(vacuous=[("jepa", "predictor"), ("jepa", "h_to_z"), ("recon", "encoder")])
    assert messages("vacuous-loss", measurement=measurement) == ["jepa does not move predictor and h_to_z"]


def test_a_loss_dominates_others_and_not_a_module_of_its_own() -> None:
    shares = {
        "encoder": {"recon": 0.96, "sigreg": 0.04},
        "z_to_h": {"z2h": 1.0},
        "decoder": {"recon": 0.9, "jepa": 0.1},
    }
    assert messages("one-loss-dominates", measurement=Measurement(shares=shares)) == [
        "recon: 96 % of encoder, next to sigreg"
    ]


@pytest.mark.parametrize("rule", [each for each in RULES.values() if each.measured], ids=lambda rule: rule.id)
def test_without_a_measurement_measured_rules_are_silent(rule: Rule) -> None:
    assert list(rule.look(check(*rule.triggers))) == []


# What counts ----------------------------------------------------------------------------------------------------


def counting(findings: Sequence[Finding], least: Level = Level.WARNING, *, strict: bool = False) -> list[str]:
    return [finding.rule.id for finding in findings if finding.counts(least, strict=strict)]


def test_what_the_baseline_has_too_does_not_count() -> None:
    before, after = check("losses.action_delta_z=1"), check("losses.action_delta_z=2")
    assert counting(judge(after, before)) == []
    assert counting(judge(after, before), strict=True) == ["z-action-loss"]
    assert counting(judge(after, recorded(default_settings()))) == ["z-action-loss"]


def test_one_more_loss_makes_it_a_new_finding() -> None:
    before, after = check("losses.action_delta_z=1"), check("losses.action_delta_z=1", "losses.rollout_kstep_z=1")
    assert counting(judge(after, before)) == ["z-action-loss"]
    assert counting(judge(before, after)) == []


def test_an_error_counts_although_the_baseline_has_it() -> None:
    broken = check("losses.jepa=nan")
    assert counting(judge(broken, broken), Level.ERROR) == ["weight-not-finite"]


def test_an_accepted_finding_is_told_with_its_reason_and_does_not_count() -> None:
    accepted = check("losses.action_delta_z=1", "accept.z-action-loss=loops are closed elsewhere")
    (finding,) = (each for each in judge(accepted) if each.rule.id == "z-action-loss")
    assert finding.accepted == "loops are closed elsewhere"
    assert counting(judge(accepted)) == []
    assert counting(judge(accepted), strict=True) == ["z-action-loss"]


def test_an_error_cannot_be_accepted() -> None:
    accepted = check("train.detach_decoder=true", "accept.encoder-never-learns=we know")
    assert counting(judge(accepted)) == ["encoder-never-learns", "unused-acceptance"]
    assert "encoder-never-learns is an error: it cannot be accepted" in messages(
        "unused-acceptance", "train.detach_decoder=true", "accept.encoder-never-learns=we know"
    )


def test_an_acceptance_of_a_measured_rule_is_judged_only_where_something_was_measured() -> None:
    accepted = "accept.losses-pull-apart=they share a head"
    assert messages("unused-acceptance", accepted) == []
    assert messages("unused-acceptance", accepted, measurement=Measurement(opposed=[PULLED])) == []
    assert messages("unused-acceptance", accepted, measurement=Measurement()) == [
        "losses-pull-apart is accepted, and finds nothing"
    ]


def test_an_unused_acceptance_can_be_accepted_itself() -> None:
    accepted = ("accept.z-action-loss=soon", "accept.unused-acceptance=being prepared")
    assert counting(judge(check(*accepted))) == []


def test_an_acceptance_of_no_rule_is_a_mistake() -> None:
    with pytest.raises(UserError, match=r"accept.z-acton-loss: there is no such rule: did you mean 'z-action-loss'"):
        judge(check("accept.z-acton-loss=x"))
    with pytest.raises(UserError, match=r"accept.qqq: there is no such rule: known are .negative-weight., "):
        judge(check("accept.qqq=x"))


def test_warnings_do_not_count_where_only_errors_fail() -> None:
    assert counting(judge(check("losses.action_delta_z=1")), Level.ERROR) == []
    assert counting(judge(check("losses.jepa=-1")), Level.ERROR) == ["negative-weight"]


def test_no_two_rules_have_the_same_id() -> None:
    def z_action_loss(_: Check) -> None: ...

    with pytest.raises(ValueError, match="two rules are called 'z-action-loss'"):
        rule(Level.INFO, why="", remedy="", triggers=[])(z_action_loss)  # type: ignore[arg-type]
