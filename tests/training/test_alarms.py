"""Collapse and explosion are told while they happen: once, in words, with a bound that can be set."""

import math
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from jepa_world_model.errors import UserError
from jepa_world_model.model_config import Config
from jepa_world_model.run import resume_training, run_training
from jepa_world_model.training.alarms import Alarm, Watch
from jepa_world_model.training.observer import Observer
from jepa_world_model.training.run_folder import RunFolder
from jepa_world_model.vitals import ABOVE, BOUNDS, VITALS, effective_rank
from tests.training.runs import SignalAt, digests

BuildConfig = Callable[..., Config]
pytestmark = pytest.mark.usefixtures("quick_pictures")
QUIET = {bound.key: math.inf if bound.side == ABOVE else 0.0 for bound in BOUNDS}


class Listener(Observer):
    def __init__(self) -> None:
        self.alarms: list[Alarm] = []

    def on_alarm(self, alarm: Alarm) -> None:
        self.alarms.append(alarm)


def quiet(*overrides: str) -> list[str]:
    """No alarm but those that are set."""
    return [*(f"alarms.{key}={value}" for key, value in QUIET.items()), *overrides]


@pytest.mark.parametrize("rank", [1, 2, 5])
def test_effective_rank_counts_directions(rank: int) -> None:
    """Equally strong directions count one each."""
    assert effective_rank(torch.eye(8)[:rank].repeat(4, 1)).item() == pytest.approx(rank, rel=1e-5)


def test_effective_rank_is_the_exponential_of_an_entropy() -> None:
    vectors = torch.randn(20, 6, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.eigvalsh(vectors.T.double() @ vectors.double()).clamp(min=0).sqrt().tolist()
    shares = [value / sum(values) for value in values]
    expected = math.exp(-sum(share * math.log(share) for share in shares))
    assert effective_rank(vectors).item() == pytest.approx(expected, rel=1e-5)


def test_effective_rank_of_nothing_is_one() -> None:
    assert effective_rank(torch.zeros(3, 4)).item() == 1.0


def test_vitals_are_what_they_say() -> None:
    assert VITALS["z_spread"](torch.tensor([[[-1.0, 0.0], [1.0, 0.0]]])).item() == pytest.approx(2**0.5 / 2)
    assert VITALS["h_norm"](torch.full((2, 3, 16), 2.0)).item() == pytest.approx(2.0)
    assert VITALS["dp_length"](torch.tensor([[[3.0, 4.0], [0.3, 0.4], [30.0, 40.0]]])).item() == pytest.approx(5.0)


@pytest.mark.parametrize("bound", BOUNDS, ids=lambda bound: bound.key)
def test_each_bound_tells_when_it_is_crossed_and_only_then(bound) -> None:
    beyond, within = (bound.default * factor for factor in ((2, 0.5) if bound.side == ABOVE else (0.5, 2)))
    watch = Watch({**QUIET, bound.key: bound.default})
    assert watch.look(1, {bound.measure: within}) == []
    assert watch.look(2, {bound.measure: math.nan}) == []
    (alarm,) = watch.look(3, {bound.measure: beyond})
    assert watch.look(4, {bound.measure: beyond}) == []
    assert (alarm.key, alarm.step, alarm.value) == (bound.key, 3, beyond)
    assert bound.measure in str(alarm)
    assert bound.meaning in str(alarm)


def test_each_loss_has_its_own_alarm() -> None:
    watch = Watch({"loss_below": 1e-10})
    assert [watch.look(1, {"loss": 0.0}, name)[0].key for name in ("jepa", "h2z")] == [
        "loss_below:jepa",
        "loss_below:h2z",
    ]


def test_a_healthy_run_raises_none(small_config: BuildConfig, tmp_path: Path) -> None:
    listener = Listener()
    outcome = run_training(small_config("alarms.z_effective_rank_below=1.5"), tmp_path / "run", listener)
    assert listener.alarms == []
    assert outcome.alarms == []
    assert "## Alarms" not in (tmp_path / "run" / "summary.md").read_text()
    assert set(outcome.validations[0].vitals) == set(VITALS)


@pytest.mark.parametrize(
    ("bound", "first"),
    [("z_effective_rank_below=100", 2), ("gradient_norm_above=1e-6", 1), ("loss_growth_above=1e-6", 2)],
)
def test_an_alarm_is_told_once_and_kept_everywhere(
    bound: str, first: int, small_config: BuildConfig, tmp_path: Path
) -> None:
    listener = Listener()
    config = small_config(*quiet(f"alarms.{bound}"), "train.steps=8", "train.checkpoint_every_steps=2")
    run_training(config, tmp_path / "run", listener)
    assert [(alarm.key, alarm.step) for alarm in listener.alarms] == [(bound.partition("=")[0], first)]
    rows = [row for row in RunFolder(tmp_path / "run").read_metrics() if row["split"] == "alarm"]
    assert rows == [listener.alarms[0].as_json()]
    assert str(listener.alarms[0]) in (tmp_path / "run" / "summary.md").read_text()

    again = Listener()
    run_training(config, tmp_path / "stopped", SignalAt(5, signal.SIGTERM))
    resume_training(tmp_path / "stopped", again)
    assert again.alarms == []
    assert digests(tmp_path / "stopped") == digests(tmp_path / "run")


def test_a_loss_that_is_zero_is_named(small_config: BuildConfig, tmp_path: Path) -> None:
    """h of width one is normalised to a constant, and predicting it is no task."""
    listener = Listener()
    run_training(small_config(*quiet("alarms.loss_below=1e-10"), "model.h_dim=1"), tmp_path / "run", listener)
    assert "rollout_kstep_h" in {alarm.subject for alarm in listener.alarms}
    assert "jepa" not in {alarm.subject for alarm in listener.alarms}


def test_a_loss_that_concerns_none_of_the_frames_raises_no_alarm(small_config: BuildConfig, tmp_path: Path) -> None:
    """Among so few frames no place comes back, and loop_q has nothing to say."""
    listener = Listener()
    config = small_config(*quiet("alarms.loss_below=1e-2"), "losses.loop_q=1", "losses.action_delta_q=1")
    outcome = run_training(config, tmp_path / "run", listener)
    assert outcome.validations[0].losses["loop_q"] < 1e-2
    assert "loop_q" not in {alarm.subject for alarm in listener.alarms}


def test_vitals_of_a_module_that_is_not_trained_are_not_measured(small_config: BuildConfig, tmp_path: Path) -> None:
    off = [f"losses.{name}=0" for name in small_config().losses.enabled]
    outcome = run_training(small_config(*off, "losses.recon=1"), tmp_path / "run", Observer())
    assert set(outcome.validations[0].vitals) == {"z_effective_rank", "z_spread"}


def test_a_bound_that_is_no_number_is_refused(small_config: BuildConfig) -> None:
    with pytest.raises(UserError, match=r"alarms\.z_spread_below"):
        small_config("alarms.z_spread_below=-1")
    with pytest.raises(UserError, match=r"did you mean 'alarms\.z_spread_below'"):
        small_config("alarms.z_spred_below=1")
