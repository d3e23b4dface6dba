"""Chosen arrays of the data are seen by the encoder, beside each frame, wherever frames are."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from audits import audit
from jepa_cli.app import app
from jepa_world_model.data import EpisodeList
from jepa_world_model.data.episode_writer import EpisodeWriter
from jepa_world_model.data.episodes import Episode
from jepa_world_model.data.inspection import inspect_data
from jepa_world_model.data.proprioception import WithProprioception
from jepa_world_model.data.spec import ActionKind, DataSpec
from jepa_world_model.errors import UserError
from jepa_world_model.evaluation.evaluation import evaluate, held_out_source, loaded_subject
from jepa_world_model.evaluation.held_out import held_out
from jepa_world_model.gradient_flow.target import trained_target
from jepa_world_model.model_config import Config
from jepa_world_model.run import open_config_source, resume_training, run_training
from jepa_world_model.training.observer import Observer
from jepa_world_model.training.runtime import prepare, resolve
from jepa_world_model.training.trainer import Trainer
from tests.training.runs import SignalAt, digests

BuildConfig = Callable[..., Config]
pytestmark = pytest.mark.usefixtures("quick_pictures")
SIZE, LENGTH, EPISODES = 16, 12, 12
CHOSEN = ('data.proprioception=["joints", "speed"]', "data.validation_fraction=0.5")
PHASES = ("train.perception_share=0.5", "train.perception_batch_size=4", "train.perception_sequence_length=2")


def episodes() -> list[Episode]:
    rng = np.random.default_rng(0)
    found = []
    for _ in range(EPISODES):
        truth = {"joints": rng.normal(size=(LENGTH, 2)) * [1, 500] + [0, 1e4], "speed": rng.integers(0, 9, LENGTH)}
        frames = rng.integers(0, 255, (LENGTH, SIZE, SIZE, 3), dtype=np.uint8)
        found.append(Episode(frames, np.eye(3)[rng.integers(3, size=LENGTH)].astype(np.float32), truth))
    return found


def listed(made: list[Episode]) -> EpisodeList:
    return EpisodeList("made", DataSpec(SIZE, 3, 3, ActionKind.ONE_HOT), made)


@pytest.fixture
def config(tmp_path: Path, small_config: BuildConfig) -> Config:
    with EpisodeWriter(tmp_path / "set", action_kind=ActionKind.ONE_HOT) as writer:
        for episode in episodes():
            writer.add(episode)
    return small_config(f"data.source={tmp_path / 'set'}", *CHOSEN, "train.checkpoint_every_steps=1")


def trainer_of(config: Config) -> Trainer:
    config = resolve(config)
    return Trainer(config, open_config_source(config), prepare(config.train))


def test_the_encoder_sees_what_was_chosen_in_units_of_its_spread(config: Config) -> None:
    trainer = trainer_of(config)
    body = trainer.model.encoder.proprioception
    rows = np.concatenate([trainer.source[int(index)].proprioception for index in trainer.training])
    assert rows.shape[1] == 3
    assert torch.allclose(body.mean, torch.from_numpy(rows.mean(axis=0)))
    assert torch.allclose(body.spread, torch.from_numpy(rows.std(axis=0)))
    batch = trainer.sampler.batch(0)
    trainer.model.eval()
    seen = trainer.whole.states(trainer.model, batch).z
    assert batch.proprioception is not None
    batch.proprioception[:] += 1000
    assert not torch.allclose(trainer.whole.states(trainer.model, batch).z, seen)


def test_it_is_trained_with_the_encoder(config: Config) -> None:
    trainer = trainer_of(config)
    before = [each.detach().clone() for each in trainer.model.encoder.proprioception.parameters()]
    trainer.step(trainer.sampler.batch(0))
    after = trainer.model.encoder.proprioception.parameters()
    assert not any(torch.equal(old, new) for old, new in zip(before, after, strict=True))


@pytest.mark.parametrize("settings", [(), PHASES], ids=["joint", "on stored z"])
def test_a_run_that_is_stopped_goes_on_bit_for_bit(
    settings: tuple[str, ...], config: Config, small_config: BuildConfig, tmp_path: Path
) -> None:
    config = small_config(f"data.source={config.data.source}", *CHOSEN, *settings, "train.checkpoint_every_steps=1")
    run_training(config, tmp_path / "whole", Observer())
    run_training(config, tmp_path / "run", SignalAt(3))
    resume_training(tmp_path / "run", Observer())
    assert digests(tmp_path / "run") == digests(tmp_path / "whole")


def test_an_evaluation_and_an_audit_see_it_too(config: Config, tmp_path: Path) -> None:
    run_training(config, tmp_path / "run", Observer())
    found = evaluate(tmp_path / "run", on_stage=lambda *_: None)
    assert "proprioception" in found.no_planning
    config, subject, _ = loaded_subject(tmp_path / "run")
    source, indices = held_out_source(config, None, 60, 0)
    data = held_out(subject, source, indices, length=64)
    trainer = trainer_of(config)
    trainer.model.load_state_dict(subject.model.state_dict())
    trainer.model.eval()
    episode = source[indices[0]]
    frames, body = (torch.from_numpy(np.array(each)[None]) for each in (episode.frames, episode.proprioception))
    z = trainer.model.encoder(trainer.whole.pixels(frames), body)[0]
    assert np.allclose(data.traces.z[0], z.detach(), atol=1e-5)

    target, _ = trained_target(tmp_path / "run", batches=1)
    losses = target.losses(target.batches[0])
    assert all(value.isfinite() for value in losses.values()), "also those that look at imagined frames"
    cells = audit(target, losses=["recon_multi_box", "jepa"]).flows[0].cells
    assert cells["recon_multi_box", "encoder"].status.name == "LIVE"


def test_what_needs_an_environment_is_refused_in_words(config: Config, tmp_path: Path) -> None:
    run_training(config, tmp_path / "run", Observer())
    for command in (
        ("plan", tmp_path / "run", "--out", tmp_path / "walk.gif"),
        ("eval", tmp_path / "run", "--planners", "search-z"),
    ):
        refused = CliRunner().invoke(app, [str(each) for each in command])
        assert refused.exit_code == 2
        assert "proprioception" in refused.output


def test_an_embedded_world_may_show_its_position(small_config: BuildConfig, tmp_path: Path) -> None:
    config = small_config("data.proprioception=['position']", "data.episode_length=12", "train.steps=1")
    run_training(config, tmp_path / "run", Observer())
    found = evaluate(tmp_path / "run", episodes=6, on_stage=lambda *_: None)
    assert found.data.bodies is not None
    assert found.data.bodies.shape[2] == 2
    assert "proprioception" in found.no_planning


def test_without_it_nothing_is_other_than_before(small_config: BuildConfig) -> None:
    trainer = trainer_of(small_config())
    assert not [name for name in trainer.model.state_dict() if "proprioception" in name]
    assert trainer.sampler.batch(0).proprioception is None


def test_a_row_that_only_the_last_frame_lacks_is_that_of_the_frame_before() -> None:
    made = episodes()
    made[0].truth["joints"][-1] = np.nan
    vectors = WithProprioception(listed(made), ("joints",))[0].proprioception
    assert vectors is not None
    assert np.array_equal(vectors[-1], vectors[-2])


def not_a_number(made: list[Episode]) -> None:
    made[4].truth["joints"][3, 1] = np.nan


def another_width(made: list[Episode]) -> None:
    made[4].truth["joints"] = np.ones((LENGTH, 5))  # pyright: ignore[reportIndexIssue]


def words(made: list[Episode]) -> None:
    made[4].truth["joints"] = np.array([["up"]] * LENGTH)  # pyright: ignore[reportIndexIssue]


def absent(made: list[Episode]) -> None:
    del made[4].truth["joints"]  # pyright: ignore[reportIndexIssue]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (not_a_number, "row 3"),
        (another_width, "expected a proprioception of 2 numbers"),
        (words, "expected numbers"),
        (absent, "which the data does not have; it has speed"),
    ],
)
def test_broken_vectors_are_named_before_the_first_step(change: Callable[[list[Episode]], None], told: str) -> None:
    made = episodes()
    change(made)
    source = WithProprioception(listed(made), ("joints",))
    with pytest.raises(UserError, match="made, episode 4") as refusal:
        inspect_data(source, np.arange(EPISODES), np.arange(0))
    assert told in str(refusal.value)


def test_a_name_that_is_not_there_gets_the_nearest_one() -> None:
    with pytest.raises(UserError, match="did you mean 'joints'"):
        WithProprioception(listed(episodes()), ("joint",))
