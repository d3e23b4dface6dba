"""Real actions are seen in units of their spread, wherever a model meets them, and come out as they were taken."""

import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from jepa_world_model.config_file import values_of
from jepa_world_model.data import EpisodeList, EpisodeSource
from jepa_world_model.data.action_scale import ColumnStatistics, action_scale
from jepa_world_model.data.episode_writer import EpisodeWriter
from jepa_world_model.data.episodes import Episode
from jepa_world_model.data.spec import ActionKind, DataSpec
from jepa_world_model.evaluation.evaluation import loaded_subject
from jepa_world_model.gradient_flow.target import trained_target
from jepa_world_model.model import WorldModel
from jepa_world_model.model_config import Config
from jepa_world_model.run import initial_weights, open_config_source, resume_training, run_training
from jepa_world_model.training.observer import Observer
from jepa_world_model.training.run_folder import RunFolder
from jepa_world_model.training.runtime import prepare, resolve
from jepa_world_model.training.sealed import sealed, unsealed
from jepa_world_model.training.trainer import Trainer
from tests.training.runs import SignalAt, digests

BuildConfig = Callable[..., Config]
pytestmark = pytest.mark.usefixtures("quick_pictures")
SIZE, LENGTH, EPISODES = 16, 12, 6
NAMES = ("force", "angle", "gripper", "mode")


def episodes(scale: float = 1.0, offset: float = 0.0) -> list[Episode]:
    """Columns: scaled, real, always 3, of 0 and 1."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(EPISODES):
        actions = rng.normal(size=(LENGTH, 4)).astype(np.float32)
        actions[:, 2], actions[:, 3] = 3, rng.integers(0, 2, LENGTH)
        actions[:, 0] = actions[:, 0] * np.float32(scale) + np.float32(offset)
        found.append(Episode(rng.integers(0, 255, (LENGTH, SIZE, SIZE, 3), dtype=np.uint8), actions))
    return found


def listed(made: list[Episode], kind: ActionKind = ActionKind.REAL) -> EpisodeSource:
    return EpisodeList("made", DataSpec(SIZE, 3, 4, kind, NAMES), made)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def written(name: str, **how: float) -> Path:
        with EpisodeWriter(tmp_path / name, action_kind=ActionKind.REAL, action_names=NAMES) as writer:
            for episode in episodes(**how):
                writer.add(episode)
        return tmp_path / name

    return written


def trained(config: Config, out: Path, observer: Observer | None = None) -> RunFolder:
    run_training(config, out, observer or Observer())
    return RunFolder(out)


def weights(run: Path) -> dict[str, torch.Tensor]:
    return unsealed(run / "weights.safetensors")[0]


def test_statistics_of_blocks_are_those_of_all_rows() -> None:
    rows = np.random.default_rng(0).normal(size=(1000, 3)) * [1, 1e-3, 1e4] + [0, 1e6, -5]
    found = ColumnStatistics(3)
    for block in np.split(rows, [1, 1, 40, 700]):
        found.add(block)
    assert np.allclose(found.mean, rows.mean(axis=0), rtol=1e-12)
    assert np.allclose(found.spread, rows.std(axis=0), rtol=1e-6), "a column far from zero keeps its spread"
    assert found.count == 1000


def test_columns_that_never_vary_and_those_of_0_and_1_stay_as_they_are() -> None:
    made = episodes(scale=50, offset=1000)
    made[0].actions[-1] = 1e9  # leads nowhere
    made[5].actions[:] = 1e9  # held out
    scale = action_scale(listed(made), np.arange(5))
    rows = np.concatenate([each.actions[:-1] for each in made[:5]])
    assert scale is not None
    assert np.allclose(scale.mean[:2], rows[:, :2].mean(axis=0))
    assert np.allclose(scale.spread[:2], rows[:, :2].std(axis=0))
    assert (scale.mean[2:].tolist(), scale.spread[2:].tolist()) == ([0, 0], [1, 1])


@pytest.mark.parametrize("kind", [ActionKind.ONE_HOT, ActionKind.MULTI_HOT])
def test_choices_and_buttons_have_no_scale(kind: ActionKind) -> None:
    assert action_scale(listed(episodes(), kind), np.arange(4)) is None


def test_the_unit_of_actions_makes_no_difference(
    write: Callable[..., Path], small_config: BuildConfig, tmp_path: Path
) -> None:
    """A unit that is a power of two rounds nothing: all weights are the same, bit for bit."""
    found = {}
    for name, unit in (("metres", 1.0), ("other", 4096.0)):
        found[name] = trained(small_config(f"data.source={write(name, scale=unit)}"), tmp_path / f"run-{name}").path
    here, there = map(weights, found.values())
    assert torch.equal(there.pop("action_spread")[:1], 4096 * here["action_spread"][:1])
    assert torch.equal(there.pop("action_mean")[:1], 4096 * here["action_mean"][:1])
    assert all(torch.equal(value, here[name]) for name, value in there.items())
    summary = (found["other"] / "summary.md").read_text()
    assert "actions: normalised by mean ± spread: force " in summary
    assert "gripper as it is, mode as it is" in summary


def test_a_run_that_is_stopped_goes_on_bit_for_bit(
    write: Callable[..., Path], small_config: BuildConfig, tmp_path: Path
) -> None:
    config = small_config(f"data.source={write('set', scale=50)}")
    trained(config, tmp_path / "whole")
    trained(config, tmp_path / "run", SignalAt(2))
    resume_training(tmp_path / "run", Observer())
    assert digests(tmp_path / "run") == digests(tmp_path / "whole")


def test_a_run_of_a_version_that_normalised_nothing_goes_on_as_it_was(
    write: Callable[..., Path], small_config: BuildConfig, tmp_path: Path
) -> None:
    config = small_config(f"data.source={write('set')}", "data.normalise_actions=false")
    trained(config, tmp_path / "whole")
    run = trained(config, tmp_path / "run", SignalAt(2))
    as_of_an_earlier_version(run)
    assert "data.normalise_actions" not in tomllib.loads(run.config.read_text())["data"]
    assert values_of(RunFolder.open(run.path)[1])["data.normalise_actions"] is True, "the default of this version"
    resume_training(run.path, Observer())
    whole = weights(tmp_path / "whole")
    assert all(torch.equal(value, whole[name]) for name, value in weights(run.path).items())
    assert "action_mean" not in weights(run.path)
    assert "- actions: as they are" in run.summary.read_text()
    assert not loaded_subject(run.path)[1].model.normalises_actions


def as_of_an_earlier_version(run: RunFolder) -> None:
    """Neither config nor checkpoints know of the setting."""
    lines = run.config.read_text().splitlines()
    run.config.write_text("\n".join(line for line in lines if "normalise_actions" not in line) + "\n")
    for path in run.checkpoint_folder.glob("*.safetensors"):
        tensors, facts = unsealed(path)
        del facts["config"]["data.normalise_actions"]
        path.write_bytes(sealed(tensors, facts))


def test_weights_of_another_run_keep_their_own_scale(
    write: Callable[..., Path], small_config: BuildConfig, tmp_path: Path
) -> None:
    first = trained(small_config(f"data.source={write('set', scale=50)}", "train.steps=1"), tmp_path / "first")
    for number, old in enumerate((False, True)):
        if old:
            first = trained(
                small_config(f"data.source={write('plain')}", "train.steps=1", "data.normalise_actions=false"),
                tmp_path / "plain-run",
            )
        config = resolve(
            small_config(f"data.source={write(f'next-{number}', scale=7)}", f"train.init={first.path}", "train.steps=1")
        )
        trainer = Trainer(config, open_config_source(config), prepare(config.train), initial_weights(config))
        assert trainer.model.normalises_actions is not old
        if not old:
            assert torch.equal(trainer.model.action_spread, weights(first.path)["action_spread"])


def test_an_evaluation_asks_in_the_unit_of_the_data(
    write: Callable[..., Path], small_config: BuildConfig, tmp_path: Path
) -> None:
    run = trained(small_config(f"data.source={write('set', scale=50, offset=1000)}", "train.steps=1"), tmp_path / "run")
    _, subject, _ = loaded_subject(run.path)
    model, plain = subject.model, as_they_are(subject.model)
    rng = np.random.default_rng(0)
    z, h, p = (rng.normal(size=(5, width)).astype(np.float32) for width in (model.config.z_dim, model.config.h_dim, 12))
    actions = episodes(scale=50, offset=1000)[0].actions[:5]
    seen = ((actions - model.action_mean.numpy()) / model.action_spread.numpy()).astype(np.float32)
    assert np.abs(seen[:, :2]).max() < 4
    assert np.allclose(subject.predict(z, h, actions)[1], plain.predict(z, h, seen)[1], atol=1e-6)
    assert np.allclose(subject.move(p, h, actions), plain.move(p, h, seen), atol=1e-6)
    read = plain.read_action(h, h) * model.action_spread.numpy() + model.action_mean.numpy()
    assert np.allclose(subject.read_action(h, h), read, rtol=1e-5)


def as_they_are(model: WorldModel):
    """The same weights without the scale."""
    from jepa_world_model.evaluation.subject import ModelSubject

    plain = WorldModel(model.config, model.data)
    plain.load_state_dict({name: value for name, value in model.state_dict().items() if "action_" not in name[:7]})
    return ModelSubject(plain, gives_places_a_pose=False)


def test_an_audit_of_the_run_sees_what_training_saw(
    write: Callable[..., Path], small_config: BuildConfig, tmp_path: Path
) -> None:
    config = small_config(f"data.source={write('set', scale=50, offset=1000)}", "losses.inverse_dynamics_z=1")
    run = trained(config, tmp_path / "run")
    target, _ = trained_target(run.path, batches=1)
    losses = target.losses(target.batches[0], only={"inverse_dynamics_h", "inverse_dynamics_z"})
    assert all(0 < value.item() < 20 for value in losses.values()), "of actions as they are, a million"
    assert set(target.named_modules) == {name for name, _ in loaded_subject(run.path)[1].model.named_children()}


def test_an_embedded_world_whose_choices_are_read_as_quantities_is_not_scaled(
    small_config: BuildConfig, tmp_path: Path
) -> None:
    run = trained(small_config("data.action_kind=real", "train.steps=1"), tmp_path / "run")
    assert "action_spread" not in weights(run.path)
