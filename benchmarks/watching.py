"""What a watched training costs: the same steps with and without, in processor time.

python -m benchmarks.watching --every 100 --width 256
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from audits import Watching, watch


def trainer(width: int) -> tuple[nn.ModuleDict, Callable[[], dict[str, Tensor]]]:
    """Three modules and three losses."""
    torch.manual_seed(0)

    def mlp() -> nn.Sequential:
        return nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))

    net = nn.ModuleDict({"encoder": mlp(), "decoder": mlp(), "predictor": mlp()})
    x = torch.randn(64, width)

    def losses() -> dict[str, Tensor]:
        z = net["encoder"](x)
        return {
            "recon": (net["decoder"](z) - x).square().mean(),
            "predict": (net["predictor"](z) - z.detach()).square().mean(),
            "size": z.square().mean(),
        }

    return net, losses


def shortest(runs: Sequence[Callable[[], object]], times: int) -> list[float]:
    """Processor time of each: the shortest of many, in turns, which other processes disturb least."""
    spent = [float("inf")] * len(runs)
    for _ in range(times):
        for number, run in enumerate(runs):
            start = time.process_time()
            run()
            spent[number] = min(spent[number], time.process_time() - start)
    return spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=100)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--times", type=int, default=60)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    net, losses = trainer(asked.width)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)

    def step(watching: Watching | None = None) -> None:
        found = losses()
        if watching:
            watching.losses(found)
        optimizer.zero_grad()
        torch.stack(list(found.values())).sum().backward()
        optimizer.step()

    rare, always, bare = watch(net, every=10**9), watch(net, every=1), watch(net, every=1, conflicts=False)
    for watching in (rare, always, bare):
        with watching:
            for _ in range(4):  # the first steps are watched for faults
                step(watching)
    found = losses()
    runs = [step, lambda: rare.losses(found), partial(step, always), partial(step, bare)]
    plain, call, *sampled = shortest(runs, asked.times)
    for name, spent in zip(("with cosines", "without"), sampled, strict=True):
        sample = spent - plain
        share = (sample + (asked.every - 1) * call) / (asked.every * plain)
        told = (
            f"a sample {sample / plain:.2f} steps, another call {call * 1e6:.0f} us, {share:.2%} at every {asked.every}"
        )
        print(f"width {asked.width}, {name}: a step {plain * 1e3:.1f} ms, {told}")


if __name__ == "__main__":
    main()
