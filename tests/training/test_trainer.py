"""The training step and the run that it makes."""

import json
from collections.abc import Callable
from pathlib import Path
from signal import SIGINT

import pytest
import torch
from safetensors.torch import load_file

from jepa_world_model.config_file import load_config
from jepa_world_model.data.windows import Batch
from jepa_world_model.errors import UserError
from jepa_world_model.model_config import Config
from jepa_world_model.run import open_config_source, resume_training, run_training
from jepa_world_model.training.divergence import Diverged
from jepa_world_model.training.metrics import MetricRow
from jepa_world_model.training.observer import Observer
from jepa_world_model.training.run_folder import RunFolder
from jepa_world_model.training.runtime import prepare, resolve
from jepa_world_model.training.session import Session
from jepa_world_model.training.trainer import Trainer
from jepa_world_model.training.validation import Validation, validate
from tests.training.runs import SignalAt, digests

BuildConfig = Callable[..., Config]


class Watcher(Observer):
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.rows: list[MetricRow] = []
        self.validations: dict[int, dict[str, float]] = {}

    def on_start(self, run: RunFolder, trainer: Trainer) -> None:
        self.trainer = trainer

    def on_rows(self, rows: list[MetricRow]) -> None:
        self.rows += rows

    def on_validation(self, validation: Validation) -> None:
        self.validations[validation.step] = validation.losses


def trainer_of(config: Config) -> Trainer:
    return Trainer(config, open_config_source(config), prepare(resolve(config).train))


def weights_of(trainer: Trainer) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in trainer.model.state_dict().items()}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_a_run_of_a_version_without_a_setting_is_what_it_was(tmp_path: Path) -> None:
    """Whatever its preset says of that setting today."""
    RunFolder.create(tmp_path, load_config())
    file = tmp_path / "config.toml"
    later = ("encoder_patch_size", "decoder_patch_size", "learning_rate_floor")
    lines = [line for line in file.read_text().splitlines() if not line.startswith(later)]
    file.write_text("\n".join(lines) + "\n")
    _, config = RunFolder.open(tmp_path)
    assert (config.preset, config.train.steps) == ("recommended", load_config().train.steps)
    assert (config.model.encoder_patch_size, config.model.decoder_patch_size) == (1, 1)
    assert config.train.learning_rate_floor == 0.1


@pytest.mark.parametrize("floor", [0.1, 0.0])
def test_the_learning_rate_rises_and_falls_to_its_floor(floor: float, small_config: BuildConfig) -> None:
    settings = ("train.steps=100", "train.warmup_steps=10", "train.learning_rate=0.01")
    trainer = trainer_of(small_config(*settings, f"train.learning_rate_floor={floor}"))
    batch, rates = trainer.sampler.batch(0), []
    for done in (0, 9, 10, 55, 100):
        trainer.done = done
        trainer.step(batch)
        rates.append(trainer.optimizer.param_groups[0]["lr"])
    assert rates == pytest.approx([0.001, 0.01, 0.01, 0.005 * (1 + floor), 0.01 * floor])


@pytest.mark.slow
@pytest.mark.usefixtures("quick_pictures")
def test_two_runs_with_one_seed_give_identical_weights(small_config: BuildConfig, tmp_path: Path) -> None:
    for name in "ab":
        run_training(small_config(), tmp_path / name, Watcher())
    run_training(small_config("train.seed=1"), tmp_path / "c", Watcher())
    a, b, c = (load_file(tmp_path / name / "weights.safetensors") for name in "abc")
    assert same(a, b)
    assert not same(a, c)


@pytest.mark.slow
@pytest.mark.usefixtures("quick_pictures")
def test_the_stored_config_repeats_the_run(small_config: BuildConfig, tmp_path: Path) -> None:
    run_training(resolve(small_config("losses.sigreg=0.1")), tmp_path / "a", Watcher())
    _, stored = RunFolder.open(tmp_path / "a")
    run_training(stored, tmp_path / "b", Watcher())
    assert same(*(load_file(tmp_path / name / "weights.safetensors") for name in "ab"))


@pytest.mark.slow
def test_a_run_folder_holds_everything(small_config: BuildConfig, tmp_path: Path) -> None:
    watcher = Watcher()
    outcome = run_training(small_config(), tmp_path / "run", watcher)
    files = {path.relative_to(tmp_path / "run").as_posix() for path in (tmp_path / "run").rglob("*") if path.is_file()}
    pictures = {f"pictures/{name}.png" for name in ("reconstructions", "imagination", "losses")}
    weights = {"weights.safetensors", "best.safetensors", "checkpoints/step-00000004.safetensors"}
    assert files == {"config.toml", "metrics.jsonl", "status.json", "summary.md"} | weights | pictures
    rows = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows if row["split"] == "train"] == [1, 2, 3, 4]
    assert [row["step"] for row in rows if row["split"] == "validation"] == [0, 2, 4] == sorted(outcome.validations)
    assert [row.step for row in watcher.rows] == [1, 2, 3, 4]
    names = set(watcher.trainer.objective.names)
    assert all(set(row["losses"]) == names for row in rows)
    assert same(load_file(tmp_path / "run" / "weights.safetensors"), weights_of(watcher.trainer))
    summary = (tmp_path / "run" / "summary.md").read_text()
    assert "finished after 4 of 4 steps" in summary
    assert all(f"| {name} |" in summary for name in names)


@pytest.mark.slow
def test_training_lowers_the_weighted_sum(small_config: BuildConfig) -> None:
    trainer = trainer_of(small_config("train.steps=200", "train.warmup_steps=2"))
    batch = trainer.sampler.batch(0)
    totals = [trainer.step(batch)[1].item() for _ in range(200)]
    assert totals[-1] < 0.7 * totals[0]


@pytest.mark.parametrize(
    ("enabled", "modules"),
    [
        ("jepa", {"predictor", "h_to_z"}),
        ("recon", {"encoder", "decoder"}),
        ("z2h", {"z_to_h"}),
        ("inverse_dynamics_dp", {"inverse_dynamics_dp", "p_action_delta_projector"}),
    ],
)
def test_only_modules_that_a_loss_reaches_are_trained(
    small_config: BuildConfig, enabled: str, modules: set[str]
) -> None:
    off = [f"losses.{name}=0" for name in small_config().losses.enabled]
    trainer = trainer_of(small_config(*off, f"losses.{enabled}=1", "train.weight_decay=0.5"))
    assert set(trainer.trained_modules) == modules
    before = weights_of(trainer)
    trainer.step(trainer.sampler.batch(0))
    parameters = {name for name, _ in trainer.model.named_parameters()}
    moved = {
        name.split(".")[0]
        for name, tensor in weights_of(trainer).items()
        if not torch.equal(tensor, before[name]) and name in parameters
    }
    assert moved == modules


def test_building_a_trainer_draws_the_same_batches_and_random_numbers(small_config: BuildConfig) -> None:
    """The look at what is reached must not move the random state, whatever is enabled."""
    trainer_of(small_config())
    plain = torch.rand(3)
    trainer_of(small_config("losses.sigreg=1"))
    assert torch.equal(plain, torch.rand(3))


def poison(trainer: Trainer, step: int) -> None:
    """From this step on (counted from one) every batch brings a NaN action."""
    clean = trainer.sampler.batch

    def batch(number: int) -> Batch:
        found = clean(number)
        if number + 1 >= step:
            found.actions[0, 0, 0] = float("nan")
        return found

    trainer.sampler.batch = batch  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.usefixtures("quick_pictures")
def test_nan_stops_the_run_names_the_loss_and_keeps_the_last_good_weights(
    small_config: BuildConfig, tmp_path: Path
) -> None:
    config = small_config("train.steps=9", "train.log_every=4", "train.validate_every=9")
    healthy, broken = trainer_of(config), trainer_of(config)
    for number in range(2):
        healthy.step(healthy.sampler.batch(number))
    poison(broken, step=3)
    run, watcher = RunFolder.create(tmp_path / "run", config), Watcher()
    with pytest.raises(Diverged, match=r"step 3: .*action_delta_h.* became NaN") as caught:
        Session(broken, run, watcher).fit()
    assert "z2h" not in caught.value.losses
    assert [row.step for row in watcher.rows] == [1, 2]
    good, kept = weights_of(healthy), load_file(run.weights)
    parameters = {name for name, _ in healthy.model.named_parameters()}
    assert all(torch.equal(good[name], kept[name]) for name in parameters)


@pytest.mark.usefixtures("quick_pictures")
def test_a_gradient_that_is_not_finite_is_traced_to_its_loss(small_config: BuildConfig, tmp_path: Path) -> None:
    config = small_config("train.steps=2", "train.log_every=1")
    trainer = trainer_of(config)
    for parameter in trainer.model.inverse_dynamics_h.parameters():
        parameter.register_hook(lambda gradient: gradient * float("inf"))
    with pytest.raises(Diverged) as caught:
        Session(trainer, RunFolder.create(tmp_path / "run", config), Watcher()).fit()
    assert caught.value.losses == ["the gradient of inverse_dynamics_h"]


@pytest.mark.slow
@pytest.mark.usefixtures("quick_pictures")
def test_an_interrupted_run_keeps_its_weights_and_says_so(small_config: BuildConfig, tmp_path: Path) -> None:
    watcher = SignalAt(2, SIGINT)
    outcome = run_training(small_config("train.steps=50", "train.validate_every=50"), tmp_path / "run", watcher)
    assert outcome.interrupted
    assert sorted(outcome.validations) == [0, 2]
    assert same(load_file(tmp_path / "run" / "weights.safetensors"), weights_of(watcher.trainer))
    summary = (tmp_path / "run" / "summary.md").read_text()
    assert "interrupted after 2 of 50 steps" in summary
    assert "jepa train --resume" in summary


def test_an_interrupted_run_that_goes_on_ends_with_the_same_files_pictures_too(
    small_config: BuildConfig, tmp_path: Path
) -> None:
    run_training(small_config(), tmp_path / "whole", Observer())
    run_training(small_config(), tmp_path / "run", SignalAt(3, SIGINT))
    resume_training(tmp_path / "run", Observer())
    assert digests(tmp_path / "run") == digests(tmp_path / "whole")


@pytest.mark.usefixtures("quick_pictures")
def test_a_folder_in_use_is_never_overwritten(small_config: BuildConfig, tmp_path: Path) -> None:
    run_training(small_config(), tmp_path / "run", Watcher())
    before = {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()}
    with pytest.raises(UserError, match="already holds a run"):
        run_training(small_config("train.seed=5"), tmp_path / "run", Watcher())
    assert {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()} == before
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "mine.txt").write_text("keep")
    with pytest.raises(UserError, match="is not empty"):
        run_training(small_config(), tmp_path / "notes", Watcher())


@pytest.mark.usefixtures("quick_pictures")
def test_without_validation_split_the_training_trajectories_serve(small_config: BuildConfig, tmp_path: Path) -> None:
    run_training(small_config("data.validation_fraction=0"), tmp_path / "run", Watcher())
    assert "Losses on training trajectories" in (tmp_path / "run" / "summary.md").read_text()


def test_an_unavailable_device_is_a_user_error(small_config: BuildConfig) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has it")
    with pytest.raises(UserError, match="'cuda' is not available on this machine, found cpu"):
        resolve(small_config("train.device=cuda"))


def test_bfloat16_keeps_losses_and_parameters_in_float32(small_config: BuildConfig) -> None:
    trainer = trainer_of(small_config("train.precision=bfloat16"))
    losses, total, norm = trainer.step(trainer.sampler.batch(0))
    exact = trainer_of(small_config())
    expected, _, _ = exact.step(exact.sampler.batch(0))
    assert {losses.dtype, total.dtype, norm.dtype, *(p.dtype for p in trainer.parameters)} == {torch.float32}
    assert torch.allclose(losses, expected, rtol=0.1, atol=0.05)
    assert not torch.equal(losses, expected)


def test_validation_leaves_model_and_random_state_alone(small_config: BuildConfig) -> None:
    config = small_config("losses.sigreg=1", "train.steps=1")
    trainer = trainer_of(config)
    before, random = weights_of(trainer), torch.get_rng_state()
    batches = trainer.validation.sequential(8)
    validate(trainer.model, trainer.objective, batches, trainer.runtime, trained=trainer.trained_modules)
    assert same(before, weights_of(trainer))
    assert torch.equal(random, torch.get_rng_state())
    assert trainer.model.training
