"""An audit of eight trainers of different shape, as ratios: python -m benchmarks.audit_shapes [SHAPE] [--device cuda]

A step is a forward pass and a backward pass of each loss. TorchJD is a row where it is installed.
"""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Callable

import torch

from audits import Target, audit
from audits.fingerprint import fingerprint
from benchmarks.pairs import clock_of, compare
from benchmarks.trainer_shapes import SHAPES


def sides(target: Target, device: torch.device) -> dict[str, Callable[[], object]]:
    """What is timed, each waited for."""
    setting, batch = target.settings()[0], target.batches[0]
    parameters = [each for module in target.root_modules for each in module.parameters() if each.requires_grad]

    def step() -> None:
        losses = target.losses(batch)
        for loss in losses.values():
            torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)

    def a_pass_each() -> None:
        for name in target.losses(batch):
            torch.autograd.grad(target.losses(batch)[name], parameters, allow_unused=True)

    found = {
        "forward": lambda: target.losses(batch),
        "step": step,
        "a pass each": a_pass_each,
        "presence": lambda: fingerprint(target, setting),
        "audit": lambda: audit(target),
    }
    if importlib.util.find_spec("torchjd"):
        from torchjd.autojac import jac

        found["TorchJD"] = lambda: jac(list(target.losses(batch).values()), inputs=parameters, parallel_chunk_size=1)
    return {name: _waited_for(side, device) for name, side in found.items()}


def _waited_for(side: Callable[[], object], device: torch.device) -> Callable[[], None]:
    def waited() -> None:
        side()
        if device.type == "cuda":
            torch.cuda.synchronize()

    return waited


COMPARED = (
    ("presence", "forward", "presence, paths, cuts / forward pass"),
    ("audit", "step", "whole audit / step"),
    ("a pass each", "step", "a forward and backward a loss / step"),
    ("TorchJD", "step", "TorchJD jac / step"),
)


def main(shapes: list[str] | None = None, device: str = "cpu", rounds: int = 3) -> None:
    torch.set_num_threads(1)
    for name in shapes or SHAPES:
        torch.manual_seed(0)
        target = SHAPES[name](torch.device(device))
        count = sum(each.numel() for module in target.root_modules for each in module.parameters())
        print(f"{target.name}: {count / 1e6:.1f} M parameters on {device}")
        timed = sides(target, torch.device(device))
        for ours, theirs, words in COMPARED:
            if ours in timed:
                ratio = compare(timed[ours], timed[theirs], rounds=rounds, warm_up=1, clock=clock_of(device))
                print(f"  {words:38s} {ratio}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("shapes", nargs="*", help=f"of {', '.join(SHAPES)}; all by default")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    if unknown := set(asked.shapes) - set(SHAPES):
        parser.error(f"no such shape: {', '.join(sorted(unknown))}")
    main(asked.shapes, asked.device, asked.rounds)
