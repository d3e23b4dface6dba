"""The audit of the world model: its walk compared with a forward pass, its gradients with a pass per loss, its command.

At the shape of the default training step. TorchJD is a row where it is installed.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from audits import Target
from audits.cosines import measured_with_cosines
from audits.fingerprint import fingerprint
from audits.forward import forward
from audits.graph import Graph
from benchmarks.pairs import compare, seconds
from benchmarks.training_step import trainer_of
from jepa_world_model.losses import LOSSES
from jepa_world_model.states import Gates, States

BILLION = 10**9


def default_target() -> tuple[Target, Callable[[], Mapping[str, Tensor]]]:
    """The world model in its default size on one batch, and its bare forward pass with all thirty losses."""
    trainer = trainer_of()
    batch = trainer.sampler.batch(0)
    pair = trainer.objective.frames(batch), batch.actions

    def losses(pair: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        x, a = pair
        states = States(trainer.model, x, a, gates=Gates(), horizon=trainer.config.train.rollout_horizon)
        with parametrize.cached():
            return {name: loss(states) for name, loss in LOSSES.items()}

    return Target(trainer.model, losses, batches=[pair]), lambda: losses(pair)


def walk(rounds: int) -> None:
    """Presence, paths and cuts of thirty losses and thirteen modules."""
    target, bare = default_target()
    setting = target.settings()[0]
    ratio = compare(lambda: fingerprint(target, setting), bare, rounds=rounds)
    print(f"presence, paths and cuts / one forward pass     {ratio}")


def gradients(rounds: int) -> None:
    """Norms and cosines of every loss over one shared forward pass."""
    target, bare = default_target()
    setting = target.settings()[0]
    parameters = [one for one in target.root_modules[0].parameters() if one.requires_grad]

    def ours() -> None:
        with forward(target, setting) as run:
            measured_with_cosines(run)

    def a_pass_each() -> None:
        for name in LOSSES:
            if (loss := bare()[name]).requires_grad:
                torch.autograd.grad(loss, parameters, allow_unused=True)

    print(f"norms and cosines / forward and backward a loss {compare(ours, a_pass_each, rounds=rounds, warm_up=0)}")
    if importlib.util.find_spec("torchjd"):
        from torchjd.autojac import jac

        def peer() -> None:
            jac(list(bare().values()), inputs=parameters, parallel_chunk_size=1)

        print(f"TorchJD jac / forward and backward a loss       {compare(peer, a_pass_each, rounds=rounds, warm_up=0)}")


def command(rounds: int) -> None:
    """`jepa audit-grads`, every setting and status, compared with the import of torch."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}

    def run(*arguments: str) -> Callable[[], object]:
        return lambda: subprocess.run([sys.executable, *arguments], env=environment, check=True, capture_output=True)

    ratio = compare(run("-m", "jepa_cli", "audit-grads"), run("-c", "import torch"), rounds=rounds, warm_up=1)
    print(f"jepa audit-grads / python -c 'import torch'     {ratio}")


def memory() -> None:
    """Peak resident memory above that of the loaded trainer, each side in a process of its own."""
    trained = _peak("step")
    for side in ("audit", "audit and cosines"):
        audited = _peak(side)
        sizes = f"({audited / 2**20:.0f} MiB against {trained / 2**20:.0f} MiB)"
        print(f"extra memory: {side:17s} / step, 30 losses   {audited / trained:.3f} x   {sizes}")


def _peak(side: str) -> int:
    code = f"from benchmarks.audit import peak_of; print(peak_of({side!r}))"
    return int(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)


def peak_of(side: str) -> int:
    """Bytes by which one audit, or two training steps, raise the memory of this process."""
    from audits import audit

    if side != "step":
        target, _ = default_target()
        run: Callable[[], object] = lambda: audit(target, cosines=side.endswith("cosines"))  # noqa: E731
    else:
        trainer = trainer_of(*(f"losses.{name}=1.0" for name in LOSSES))
        batch = trainer.sampler.batch(0)
        run = lambda: [trainer.step(batch) for _ in range(2)]  # noqa: E731
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = _memory("VmRSS")
    run()
    return _memory("VmHWM") - before


def _memory(key: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith(key)).split()[1])


def billion() -> None:
    """A model of a billion parameters on the meta device: how long its graph is walked."""
    width = 4096
    with torch.device("meta"):
        layer = nn.TransformerEncoderLayer(width, 32, 4 * width, batch_first=True)
        model = nn.TransformerEncoder(layer, 6)
        hidden = model(torch.empty(1, 128, width))
    count = sum(parameter.numel() for parameter in model.parameters())
    assert count > BILLION, count
    losses = {f"loss{n}": hidden.narrow(2, n, 1).sum() for n in range(30)}
    taken = seconds(lambda: Graph(losses).paths(model.parameters()))
    print(f"walk of {count / BILLION:.2f} billion parameters, 30 losses      {taken:.3f} s")


def main(rounds: int = 7) -> None:
    torch.set_num_threads(1)
    walk(rounds)
    gradients(max(1, rounds // 3))
    memory()
    billion()
    command(rounds)


if __name__ == "__main__":
    main()
