"""Several processes train as one does on the joint batch."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from jepa_world_model import processes
from jepa_world_model.data import split_episodes
from jepa_world_model.data.windows import Batch, WindowSampler
from jepa_world_model.errors import UserError
from jepa_world_model.losses import LOSSES
from jepa_world_model.model_config import Config
from jepa_world_model.run import open_config_source, resume_training, run_training
from jepa_world_model.training.divergence import Diverged
from jepa_world_model.training.observer import Observer
from jepa_world_model.training.run_folder import RunFolder
from jepa_world_model.training.runtime import prepare, resolve
from jepa_world_model.training.session import Session
from jepa_world_model.training.trainer import Trainer
from tests.training.runs import SignalAt, digests, in_processes

pytestmark = [pytest.mark.slow, pytest.mark.forks, pytest.mark.usefixtures("quick_pictures")]
BuildConfig = Callable[..., Config]
EXACT = 1e-6
EACH = tuple(f"losses.{name}=0.5" for name in LOSSES)
STEPS = 3


def trainer_of(config: Config) -> Trainer:
    config = resolve(config)
    return Trainer(config, open_config_source(config), prepare(config.train))


def gradients(config: Config, file: Path) -> None:
    """Write the gradients, losses and buffers of the first steps, in float64."""
    torch.set_default_dtype(torch.float64)
    try:
        with processes.joined("cpu"):
            assert processes.count() == processes.expected()
            trainer, found = trainer_of(config), {}
            trainer.optimizer = torch.optim.SGD(trainer.parameters)  # AdamW makes full steps of rounding noise
            for step in range(STEPS):
                losses, _, norm = trainer.step(trainer.sampler.batch(step))
                found |= {f"{step} losses": losses, f"{step} norm": norm}
                found |= {f"{step} gradient {name}": p.grad.clone() for name, p in trainer.named_parameters.items()}
                found |= {f"{step} buffer {name}": buffer.clone() for name, buffer in trainer.model.named_buffers()}
            if processes.is_first():
                save_file({name: tensor.detach().clone().contiguous() for name, tensor in found.items()}, file)
    finally:
        torch.set_default_dtype(torch.float32)


def apart(one: dict[str, Tensor], other: dict[str, Tensor], name: str) -> float:
    """The difference relative to the largest element of all gradients of that step."""
    kind = name.rpartition(" ")[0]
    scale = max(tensor.abs().max().item() for key, tensor in one.items() if key.startswith(kind))
    return ((one[name] - other[name]).abs().max() / scale).item()


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("losses", [(), EACH], ids=["default losses", "all losses"])
def test_gradients_are_those_of_one_process_on_the_joint_batch(
    losses: tuple[str, ...], count: int, small_config: BuildConfig, tmp_path: Path
) -> None:
    config = small_config(*losses, "train.batch_size=12", "train.gradient_clip=1000", "train.learning_rate=0.01")
    assert in_processes(1, lambda: gradients(config, tmp_path / "one")) == [0]
    assert in_processes(count, lambda: gradients(config, tmp_path / "many")) == [0] * count
    one, many = load_file(tmp_path / "one"), load_file(tmp_path / "many")
    assert one.keys() == many.keys()
    assert any(name.startswith("2 gradient encoder") for name in one)
    far = {name: apart(one, many, name) for name in one}
    assert max(far.values()) < EXACT, max(far.items(), key=lambda item: item[1])


def test_shares_are_parts_of_the_batch_without_overlap(small_config: BuildConfig) -> None:
    config = small_config()
    source = open_config_source(config)
    indices, _ = split_episodes(source, 0.2, 0)
    whole = WindowSampler(source, indices, 6, 5, seed=3).batch(4)
    parts = [WindowSampler(source, indices, 6, 5, seed=3, share=n, shares=3).batch(4) for n in range(3)]
    assert torch.equal(torch.cat([part.frames for part in parts]), whole.frames)
    assert torch.equal(torch.cat([part.actions for part in parts]), whole.actions)
    with pytest.raises(UserError, match=r"batch_size 6 cannot be shared by 4 processes; use --set train.batch_size=8"):
        WindowSampler(source, indices, 6, 5, seed=3, share=0, shares=4)


class KillAt(Observer):
    """Kills its own process after a step."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step(self, trainer: Trainer) -> None:
        if trainer.done == self.step:
            os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture
def shared_config(small_config: BuildConfig) -> Config:
    return small_config(
        "train.steps=9",
        "train.batch_size=12",
        "train.checkpoint_every_steps=2",
        "losses.sigreg=0.1",
        "model.h_dim=48",
        "model.hidden_width=96",
    )


@pytest.mark.parametrize("count", [2, 3])
def test_processes_that_are_killed_go_on_bit_for_bit(count: int, shared_config: Config, tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert in_processes(count, lambda: run_training(shared_config, whole, Observer())) == [0] * count
    ended = in_processes(count, lambda: run_training(shared_config, killed, KillAt(5)))
    assert ended == [-signal.SIGKILL] * count
    assert in_processes(count, lambda: resume_training(killed, Observer())) == [0] * count
    assert digests(killed) == digests(whole)


def test_a_notice_that_one_process_gets_is_heard_by_all(shared_config: Config, tmp_path: Path) -> None:
    whole, run = tmp_path / "whole", tmp_path / "run"
    assert in_processes(2, lambda: run_training(shared_config, whole, Observer())) == [0, 0]

    def train() -> None:
        second = os.environ["RANK"] == "1"
        outcome = run_training(shared_config, run, SignalAt(3) if second else Observer())
        assert outcome.signal == signal.SIGTERM
        assert outcome.steps == 4, "processes agree when metrics are written, every 2 steps"

    assert in_processes(2, train) == [0, 0]
    assert in_processes(2, lambda: resume_training(run, Observer())) == [0, 0]
    assert digests(run) == digests(whole)


def test_another_number_of_processes_is_refused_in_words(shared_config: Config, tmp_path: Path) -> None:
    assert in_processes(2, lambda: run_training(shared_config, tmp_path / "run", SignalAt(4))) == [0, 0]
    before = digests(tmp_path / "run")
    with pytest.raises(UserError, match=r"trained by 2 processes, found 1\. .*torchrun --nproc-per-node 2"):
        resume_training(tmp_path / "run", Observer())
    assert digests(tmp_path / "run") == before


def test_nan_in_one_share_stops_all_and_is_named(shared_config: Config, tmp_path: Path) -> None:
    def train() -> None:
        with processes.joined("cpu"):
            trainer = trainer_of(shared_config)
            clean = trainer.sampler.batch

            def batch(number: int) -> Batch:
                found = clean(number)
                if number == 2 and processes.rank() == 1:
                    found.actions[0, 0, 0] = float("nan")
                return found

            trainer.sampler.batch = batch  # pyright: ignore[reportAttributeAccessIssue]
            run = RunFolder.create(tmp_path / "run", shared_config) if processes.is_first() else RunFolder(tmp_path)
            with pytest.raises(Diverged, match=r"step 3: .*action_delta_h.* became NaN"):
                Session(trainer, run, Observer()).fit()

    assert in_processes(2, train) == [0, 0]


@pytest.mark.parametrize("lost", ["0", "1"])
def test_a_process_whose_peer_is_lost_says_so(lost: str, shared_config: Config, tmp_path: Path) -> None:
    """And saves nothing: it is in the middle of a step."""

    def train() -> None:
        if os.environ["RANK"] == lost:
            run_training(shared_config, tmp_path / "run", KillAt(5))
        with pytest.raises(
            processes.PeerLost, match=r"another process ended\. The run is safe up to step 4; .*--resume"
        ):
            run_training(shared_config, tmp_path / "run", Observer())

    ended = in_processes(2, train)
    assert sorted(ended) == [-signal.SIGKILL, 0]
    assert in_processes(2, lambda: resume_training(tmp_path / "run", Observer())) == [0, 0]
    assert in_processes(2, lambda: run_training(shared_config, tmp_path / "whole", Observer())) == [0, 0]
    assert digests(tmp_path / "run") == digests(tmp_path / "whole")
