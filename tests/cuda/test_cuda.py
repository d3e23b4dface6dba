"""What only a GPU can show. Without one these tests are skipped; `benchmarks/gpu.sh` runs them where there is one."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn.functional import mse_loss

from audits import Status, Target, audit
from jepa_world_model.model_config import Config
from jepa_world_model.run import open_config_source, resume_training, run_training
from jepa_world_model.training.observer import Observer
from jepa_world_model.training.runtime import prepare, resolve
from jepa_world_model.training.trainer import Trainer
from tests.training.runs import SignalAt, digests

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no NVIDIA GPU"),
]
BuildConfig = Callable[..., Config]
PRESETS = ("reference", "recommended")


@pytest.fixture
def config(small_config: BuildConfig) -> Callable[..., Config]:
    return lambda *overrides: small_config("train.device=auto", *overrides)


def trainer_of(config: Config) -> Trainer:
    resolved = resolve(config)
    return Trainer(resolved, open_config_source(resolved), prepare(resolved.train))


def test_auto_is_the_gpu_and_its_precision(config: BuildConfig) -> None:
    trainer = trainer_of(config())
    assert trainer.runtime.device.type == "cuda"
    assert trainer.runtime.dtype == (torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32)
    losses, total, norm = trainer.step(trainer.sampler.batch(0))
    assert {each.device.type for each in (losses, total, norm)} == {"cuda"}
    assert {parameter.dtype for parameter in trainer.parameters} == {torch.float32}


@pytest.fixture
def no_synchronisation() -> Iterator[Callable[[str], None]]:
    yield torch.cuda.set_sync_debug_mode
    torch.cuda.set_sync_debug_mode("default")


def test_a_step_waits_for_nothing(config: BuildConfig, no_synchronisation: Callable[[str], None]) -> None:
    trainer = trainer_of(config("losses.sigreg=0.1", "losses.recon=0.5"))
    batches = [trainer.sampler.batch(number) for number in range(3)]
    trainer.step(batches[0])  # what is built once may wait
    no_synchronisation("error")
    for batch in batches[1:]:
        trainer.step(batch)


@pytest.mark.usefixtures("quick_pictures")
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("step", [1, 2, 3])
def test_a_stopped_run_ends_with_the_same_bytes(config: BuildConfig, precision: str, step: int, tmp_path: Path) -> None:
    asked = config(f"train.precision={precision}", "train.deterministic=true")
    run_training(asked, tmp_path / "whole", Observer())
    run_training(asked, tmp_path / "run", SignalAt(step, signal.SIGTERM))
    resume_training(tmp_path / "run", Observer())
    assert digests(tmp_path / "run") == digests(tmp_path / "whole")


def test_one_process_under_nccl(small_settings: list[str], tmp_path: Path) -> None:
    settings = [each.replace("train.device=cpu", "train.device=cuda") for each in small_settings]
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "1", "--standalone", "-m", "jepa_cli"]
    done = subprocess.run(
        [*launch, "train", "--out", str(tmp_path / "run"), *settings], env=os.environ, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "run" / "weights.safetensors").exists()


def small_trainer(device: str) -> Target:
    """Live, absent, frozen and noise: one cell of each."""
    torch.manual_seed(0)
    net = nn.ModuleDict({name: nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)) for name in ("a", "b", "c")})
    net["c"].requires_grad_(False)
    net.to(device)
    batch = torch.rand(4, 3, 8, 8, device=device)

    def losses(x: torch.Tensor) -> dict[str, torch.Tensor]:
        a, b, c = (net[name](x) for name in ("a", "b", "c"))
        unit = nn.functional.normalize(b.flatten(1), dim=1)
        return {
            "pull": mse_loss(a, b.detach() + c),
            "norm": unit.square().sum(1).mean(),
            "drop": nn.functional.dropout(a, 0.5).square().mean(),
        }

    return Target(net, losses, [batch])


def statuses(target: Target) -> dict[tuple[str, str], Status]:
    return {key: cell.status for key, cell in audit(target).flows[0].cells.items()}


def test_an_audit_says_the_same_as_on_a_cpu() -> None:
    found = statuses(small_trainer("cuda"))
    assert found == statuses(small_trainer("cpu"))
    assert (found["pull", "a"], found["pull", "b"]) == (Status.LIVE, Status.ABSENT)
    assert found["norm", "b"] == Status.VACUOUS


def test_an_audit_leaves_the_gpu_as_it_was() -> None:
    target = small_trainer("cuda")
    before = torch.cuda.get_rng_state(), torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic
    weights = {name: tensor.clone() for name, tensor in target.root_modules[0].state_dict().items()}
    audit(target)
    after = torch.cuda.get_rng_state(), torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic
    assert torch.equal(before[0], after[0])
    assert before[1:] == after[1:]
    assert all(torch.equal(weights[name], each) for name, each in target.root_modules[0].state_dict().items())
