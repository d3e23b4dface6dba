"""Perception first, then everything else on stored z: who is trained when, on what, and stopped where."""

import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from jepa_world_model.config_file import load_config
from jepa_world_model.data.windows import Batch
from jepa_world_model.errors import UserError
from jepa_world_model.evaluation.evaluation import loaded_subject
from jepa_world_model.losses import LOSSES
from jepa_world_model.model_config import Config
from jepa_world_model.phases import Phase
from jepa_world_model.presets import PRESETS
from jepa_world_model.run import open_config_source, resume_training, run_training
from jepa_world_model.training.embeddings import Embeddings, embeddings_of
from jepa_world_model.training.metrics import MetricRow
from jepa_world_model.training.objective import Objective
from jepa_world_model.training.observer import Observer
from jepa_world_model.training.run_folder import RunFolder
from jepa_world_model.training.runtime import prepare, resolve
from jepa_world_model.training.sealed import sealed, unsealed
from jepa_world_model.training.trainer import Trainer
from tests.training.runs import SignalAt, digests, in_child, in_processes, killed_at

BuildConfig = Callable[..., Config]
pytestmark = pytest.mark.usefixtures("quick_pictures")
PERCEPTION, STEPS = 3, 8
SETTINGS = (
    f"train.steps={STEPS}",
    "train.perception_share=0.4",
    "train.perception_batch_size=4",
    "train.perception_sequence_length=2",
    "train.validate_every=4",
    "train.checkpoint_every_steps=2",
    "model.mean_frame=true",
    "model.encoder_patch_size=2",
    "model.decoder_patch_size=4",
    *(f"losses.{name}=1" for name in ("recon_hard", "action_delta_q", "scale_q", "apart_q", "anchor_dp", "still_dp")),
)


@pytest.fixture
def config(small_config: BuildConfig) -> Config:
    return small_config(*SETTINGS)


@pytest.fixture
def whole(config: Config, tmp_path: Path) -> dict[str, str]:
    """The files of a run in one go."""
    run_training(config, tmp_path / "whole", Observer())
    return digests(tmp_path / "whole")


def trainer_of(config: Config) -> Trainer:
    config = resolve(config)
    return Trainer(config, open_config_source(config), prepare(config.train))


def stored(trainer: Trainer, folder: Path) -> Embeddings:
    found = embeddings_of(trainer, folder, lambda *_: None, lambda: False)
    assert found is not None
    return found


class Watcher(Observer):
    def __init__(self) -> None:
        self.phases: list[Phase] = []
        self.weights: list[dict[str, torch.Tensor]] = []
        self.rows: list[MetricRow] = []
        self.embedded: list[tuple[int, int]] = []

    def on_start(self, run: RunFolder, trainer: Trainer) -> None:
        self.trainer = trainer

    def on_phase(self, phase: Phase) -> None:
        self.phases.append(phase)
        self.weights.append({name: tensor.clone() for name, tensor in self.trainer.model.state_dict().items()})

    def on_embedding(self, done: int, total: int) -> None:
        self.embedded.append((done, total))

    def on_rows(self, rows: list[MetricRow]) -> None:
        self.rows += rows

    def moved(self, number: int) -> set[str]:
        """Modules with parameters that the phase of this number moved."""
        after = [*self.weights, self.trainer.model.state_dict()][number + 1]
        names = {name for name, _ in self.trainer.model.named_parameters()}
        return {name.partition(".")[0] for name in names if not torch.equal(self.weights[number][name], after[name])}


def test_every_enabled_loss_has_one_phase() -> None:
    config = load_config()
    perception, dynamics = config.phases
    assert {**perception.losses, **dynamics.losses} == config.enabled
    assert not perception.losses.keys() & dynamics.losses.keys()
    assert (perception.first, perception.last, dynamics.first, dynamics.last) == (0, 780, 780, 6000)
    (joint,) = load_config(preset="reference").phases
    assert (joint.losses, joint.embedded) == (load_config(preset="reference").enabled, False)
    assert set(PRESETS) == {"recommended", "reference"}


@pytest.mark.parametrize("steps", [1, 2, 3, 100])
def test_a_short_run_has_its_phases_too(steps: int) -> None:
    phases = load_config(None, [f"train.steps={steps}"]).phases
    assert phases[0].first == 0
    assert phases[-1].last == steps
    assert all(phase.first < phase.last for phase in phases)
    assert len(phases) == min(steps, 2)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("train.detach_z_from_h_and_p=false", "jepa, h2z, action_delta_h"),
        ("losses.rollout_kstep_z=1", "rollout_kstep_z would train what sees and what predicts together"),
        ("losses.recon_hard=0", "no enabled loss updates encoder or decoder"),
        ("losses.pixel_delta=1", "needs train.perception_sequence_length >= 2, found 1"),
    ],
)
def test_what_cannot_be_parted_is_refused(override: str, said: str) -> None:
    with pytest.raises(UserError, match="perception") as caught:
        load_config(None, [override])
    assert said in str(caught.value)
    load_config(None, [override, "train.perception_share=0", *(["losses.recon=1"] if "recon_hard" in override else [])])


def test_each_phase_trains_its_own_modules_and_no_other(config: Config, tmp_path: Path) -> None:
    watcher = Watcher()
    run_training(config, tmp_path / "run", watcher)
    assert [phase.name for phase in watcher.phases] == ["perception", "dynamics"]
    assert watcher.moved(0) == {"encoder", "decoder"}
    assert watcher.moved(1) == set(watcher.trainer.trained_modules) - {"encoder", "decoder"}
    assert [row.step for row in watcher.rows] == list(range(1, STEPS + 1))
    for row in watcher.rows:
        assert set(row.losses) == {loss.name for loss in watcher.phases[row.step > PERCEPTION].losses}
    assert watcher.embedded[-1] == (60, 60)
    assert not (tmp_path / "run" / "embeddings").exists()


def test_stored_z_is_that_of_the_resting_encoder(config: Config, tmp_path: Path) -> None:
    trainer = trainer_of(config)
    z = stored(trainer, tmp_path)
    trainer.model.eval()
    for episode in map(int, trainer.training):
        frames = torch.tensor(trainer.source[episode].frames)[None]
        with torch.no_grad():
            assert_close(torch.tensor(z(episode)), trainer.model.encoder(trainer.whole.pixels(frames))[0])


def test_stored_z_of_another_encoder_is_not_read(config: Config, tmp_path: Path) -> None:
    trainer = trainer_of(config)
    before = np.array(stored(trainer, tmp_path)(int(trainer.training[0])))
    with torch.no_grad():
        trainer.model.encoder.norm.bias.add_(1.0)
    after = stored(trainer, tmp_path)(int(trainer.training[0]))
    assert_close(torch.tensor(after), torch.tensor(before + 1.0))


def test_a_step_on_stored_z_has_the_gradients_of_a_step_on_frames(config: Config, tmp_path: Path) -> None:
    """With the encoder at rest both are one computation: only the way to z differs."""
    trainer = trainer_of(config)
    dynamics = trainer.phases[1]
    trainer.done = dynamics.first
    trainer.enter(dynamics)
    trainer.embed(stored(trainer, tmp_path))
    batch = trainer.sampler.batch(5)
    assert batch.z is not None
    found = []
    objective = Objective(trainer.config, trainer.runtime.device, dynamics.losses)
    trainer.model.eval()
    frames = frames_of(trainer, batch)
    for each in (batch, Batch(frames, batch.actions)):
        total = objective.total(objective(objective.states(trainer.model, each)))
        found.append(torch.autograd.grad(total, trainer.parameters))
    assert_close(*found, rtol=1e-4, atol=1e-6)


def frames_of(trainer: Trainer, batch: Batch) -> torch.Tensor:
    """The frames of a batch of z: the windows of training whose actions and z are these."""
    assert batch.z is not None
    windows = []
    for actions, z in zip(batch.actions, batch.z, strict=True):
        length = len(actions)
        for episode in (trainer.source[int(index)] for index in trainer.training):
            for start in range(len(episode) - length + 1):
                part = torch.from_numpy(np.ascontiguousarray(episode.frames[start : start + length]))
                if torch.equal(torch.from_numpy(episode.actions[start : start + length]), actions):
                    with torch.no_grad():
                        same = torch.allclose(trainer.model.encoder(trainer.whole.pixels(part[None]))[0], z, atol=1e-4)
                    if same:
                        windows.append(part)
    assert len(windows) >= len(batch.z)
    return torch.stack(windows[: len(batch.z)])


@pytest.mark.parametrize("junk", [b"", b"junk", b"half"])
def test_stored_z_that_is_damaged_is_computed_anew(junk: bytes, config: Config, tmp_path: Path) -> None:
    trainer = trainer_of(config)
    episode = int(trainer.training[0])
    before = np.array(stored(trainer, tmp_path)(episode))
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2] if junk == b"half" else junk)
    assert np.array_equal(stored(trainer, tmp_path)(episode), before)


@pytest.mark.slow
@pytest.mark.parametrize("step", [1, PERCEPTION, PERCEPTION + 1, STEPS - 1])
def test_a_signal_in_any_phase_changes_no_byte(
    step: int, config: Config, whole: dict[str, str], tmp_path: Path
) -> None:
    assert run_training(config, tmp_path / "run", SignalAt(step)).steps == step
    resume_training(tmp_path / "run", Observer())
    assert digests(tmp_path / "run") == whole


@pytest.mark.slow
def test_a_signal_while_z_is_computed_changes_no_byte(config: Config, whole: dict[str, str], tmp_path: Path) -> None:
    class Impatient(Observer):
        def on_embedding(self, done: int, total: int) -> None:
            signal.raise_signal(signal.SIGTERM)

    outcome = run_training(config, tmp_path / "run", Impatient())
    assert (outcome.steps, outcome.signal) == (PERCEPTION, signal.SIGTERM)
    resume_training(tmp_path / "run", Observer())
    assert digests(tmp_path / "run") == whole


@pytest.mark.slow
def test_a_kill_at_a_touch_of_a_file_changes_no_byte(config: Config, whole: dict[str, str], tmp_path: Path) -> None:
    """Every eleventh touch; test_resume.py tries each one of a run in one phase."""
    for event in range(3, 1000, 11):
        run = tmp_path / f"killed-{event}"

        def train(run: Path = run, event: int = event) -> None:
            killed_at(event, run)
            run_training(config, run, Observer())

        ended = in_child(train)
        if ended == -signal.SIGKILL:
            in_child(lambda run=run: carry_to_the_end(config, run))
        assert digests(run) == whole, f"killed at touch {event}"
        if ended == 0:
            return
    pytest.fail("the run touches its files more often than that")


def carry_to_the_end(config: Config, run: Path) -> None:
    if RunFolder(run).config.exists():
        resume_training(run, Observer())
    else:
        run_training(config, run, Observer())


@pytest.mark.slow
@pytest.mark.forks
def test_two_processes_pass_through_the_phases_and_can_be_stopped_in_each(config: Config, tmp_path: Path) -> None:
    assert in_processes(2, lambda: run_training(config, tmp_path / "whole", Observer())) == [0, 0]
    for step in (2, PERCEPTION, 6):
        run = tmp_path / f"stopped-{step}"
        assert in_processes(2, lambda run=run, step=step: run_training(config, run, SignalAt(step))) == [0, 0]
        assert in_processes(2, lambda run=run: resume_training(run, Observer())) == [0, 0]
        assert digests(run) == digests(tmp_path / "whole")


# Weights of another run ---------------------------------------------------------------------------------------------


@pytest.fixture
def trained(config: Config, tmp_path: Path) -> Path:
    run_training(config, tmp_path / "trained", Observer())
    return tmp_path / "trained"


def from_run(build: BuildConfig, run: Path, *overrides: str) -> Config:
    return build(*SETTINGS, f"train.init='{run}'", *overrides)


def weights_of(run: Path) -> dict[str, torch.Tensor]:
    return unsealed(run / "weights.safetensors")[0]


def test_a_run_starts_from_the_weights_of_another(small_config: BuildConfig, trained: Path, tmp_path: Path) -> None:
    watcher = Watcher()
    run_training(from_run(small_config, trained), tmp_path / "run", watcher)
    assert_close(watcher.weights[0], weights_of(trained), rtol=0, atol=0)


def test_frozen_perception_leaves_all_steps_to_stored_z(
    small_config: BuildConfig, trained: Path, tmp_path: Path
) -> None:
    watcher = Watcher()
    config = from_run(small_config, trained, "train.freeze=['encoder', 'decoder']")
    run_training(config, tmp_path / "run", watcher)
    assert [(phase.name, phase.first, phase.last) for phase in watcher.phases] == [("dynamics", 0, STEPS)]
    before, after = weights_of(trained), weights_of(tmp_path / "run")
    moved = {name.partition(".")[0] for name in before if not torch.equal(before[name], after[name])}
    assert {"predictor", "z_to_p"} <= moved
    assert not {"encoder", "decoder"} & moved


def test_a_frozen_module_rests_in_one_phase_too(small_config: BuildConfig, trained: Path, tmp_path: Path) -> None:
    """Its batch norm moves no statistics."""
    config = from_run(small_config, trained, "train.freeze=['encoder']", "train.perception_share=0")
    run_training(config, tmp_path / "run", Observer())
    before, after = weights_of(trained), weights_of(tmp_path / "run")
    moved = {name.partition(".")[0] for name in before if not torch.equal(before[name], after[name])}
    assert "decoder" in moved
    assert "encoder" not in moved


@pytest.mark.slow
@pytest.mark.parametrize("step", [1, PERCEPTION + 1])
def test_a_run_from_weights_resumes_without_them(
    step: int, small_config: BuildConfig, trained: Path, tmp_path: Path
) -> None:
    config = from_run(small_config, trained)
    run_training(config, tmp_path / "whole", Observer())
    run_training(config, tmp_path / "run", SignalAt(step))
    trained.rename(tmp_path / "elsewhere")
    resume_training(tmp_path / "run", Observer())
    assert digests(tmp_path / "run") == digests(tmp_path / "whole")


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["train.freeze=['encodr']"], "there is no module 'encodr': did you mean 'encoder'?"),
        (["train.init=nowhere"], "nowhere is not a run folder"),
        (["train.init={run}", "model.h_dim=13"], "does not fit the new config"),
        (["train.freeze=['encoder', 'decoder']", "losses.recon=1", "{none}"], "nothing would be trained"),
    ],
)
def test_weights_that_cannot_be_taken_are_one_message(
    overrides: list[str], said: str, small_config: BuildConfig, trained: Path, tmp_path: Path
) -> None:
    zeros = [f"losses.{name}=0" for name in LOSSES if name != "recon"]
    given = [part for each in overrides for part in (zeros if each == "{none}" else [each.format(run=trained)])]
    with pytest.raises(UserError) as caught:
        run_training(small_config(*SETTINGS, "train.perception_share=0", *given), tmp_path / "run", Observer())
    assert said in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_weights_of_an_earlier_version_lack_only_what_their_run_never_trained(
    small_config: BuildConfig, trained: Path, tmp_path: Path
) -> None:
    """z_to_p came later: a run without losses of q is read without it, and one that trained it is not."""
    run_training(small_config(), tmp_path / "old", Observer())
    for path in (trained, tmp_path / "old"):
        weights, facts = unsealed(path / "weights.safetensors")
        kept = {name: tensor for name, tensor in weights.items() if not name.startswith("z_to_p.")}
        (path / "weights.safetensors").write_bytes(sealed(kept, facts))
    loaded_subject(tmp_path / "old")
    with pytest.raises(UserError, match=r"z_to_p\.layers\.0\.weight: expected .* found None"):
        loaded_subject(trained)
