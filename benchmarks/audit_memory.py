"""Memory and time of an audit beside those of a training step: python -m benchmarks.audit_memory

On three models: this project's world model, a tower of linear layers with 20 million parameters and four losses, and a
transformer with 30 million and six. Each side runs in a process of its own; its memory is the peak of what is resident,
above that of the loaded trainer. A step is a forward pass and a backward pass of the sum of all losses, once, or with
AdamW, twice: what the optimizer keeps counts.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from audits import Target, audit
from benchmarks.audit import default_target

STEP, OPTIMIZED = "step", "step and AdamW"
AUDIT, COSINES = "audit", "audit and cosines"
SIDES = STEP, OPTIMIZED, AUDIT, COSINES


def world() -> Target:
    return default_target()[0]


def tower() -> Target:
    """Linear layers; a loss reads each head, one a stopped one, and one is an identity."""
    body = nn.Sequential(*(layer for _ in range(16) for layer in (nn.Linear(1024, 1024), nn.ReLU())))
    heads = {"a": nn.Linear(1024, 1024), "b": nn.Linear(1024, 1024)}
    net = nn.ModuleDict({"stem": nn.Linear(256, 1024), "body": body, **heads})

    def losses(x: Tensor) -> dict[str, Tensor]:
        h = net["body"](net["stem"](x))
        a, b = net["a"](h), net["b"](h)
        return {
            "a": a.square().mean(),
            "b": mse_loss(b, a.detach()),
            "head": net["a"](h.detach()).abs().mean(),
            "margin": (1e3 - b.square().sum(1)).relu().mean(),
        }

    return Target(net, losses, batches=[torch.randn(256, 256)], name="tower")


def transformer() -> Target:
    """A causal transformer with six losses on its tokens."""
    width, tokens = 512, 1000
    layer = nn.TransformerEncoderLayer(width, 8, 4 * width, dropout=0.0, batch_first=True)
    body = nn.TransformerEncoder(layer, 9)
    net = nn.ModuleDict(
        {
            "embedding": nn.Embedding(tokens, width),
            "body": body,
            "next": nn.Linear(width, tokens),
            "value": nn.Linear(width, 1),
            "back": nn.Linear(width, width),
        }
    )
    mask = nn.Transformer.generate_square_subsequent_mask(64)

    def losses(x: Tensor) -> dict[str, Tensor]:
        e = net["embedding"](x)
        h = body(e, mask=mask, is_causal=True)
        value, back = net["value"](h)[..., 0], net["back"](h)
        return {
            "next": nn.functional.cross_entropy(net["next"](h[:, :-1]).flatten(0, 1), x[:, 1:].flatten()),
            "value": (value[:, :-1] - value[:, 1:].detach()).square().mean(),
            "probe": net["value"](h.detach()).square().mean(),
            "back": mse_loss(back, e.detach()),
            "smooth": mse_loss(h[:, 1:], h[:, :-1].detach()),
            "embed": mse_loss(e, h.detach()),
        }

    return Target(net, losses, batches=[torch.randint(tokens, (8, 64))], name="transformer")


MODELS: Mapping[str, Callable[[], Target]] = {"world": world, "tower": tower, "transformer": transformer}


def running(side: str, target: Target) -> Callable[[], object]:
    """What one side does."""
    if side in (AUDIT, COSINES):
        return lambda: audit(target, cosines=side == COSINES)
    parameters = [parameter for module in target.roots for parameter in module.parameters()]
    optimizer = torch.optim.AdamW(parameters) if side == OPTIMIZED else None

    def step() -> None:
        for parameter in parameters:
            parameter.grad = None
        sum(target.losses(*target.batches[:1]).values()).sum().backward()
        if optimizer:
            optimizer.step()

    return lambda: [step() for _ in range(2 if optimizer else 1)]


def measured(model: str, side: str) -> tuple[int, float]:
    """Bytes by which one side raises the memory of this process, and its processor time in seconds."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    run = running(side, MODELS[model]())
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before, began = _memory("VmRSS"), time.process_time()
    run()
    return _memory("VmHWM") - before, time.process_time() - began


def _memory(key: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith(key)).split()[1])


def _apart(model: str, side: str) -> tuple[int, float]:
    code = f"from benchmarks.audit_memory import measured; print(*measured({model!r}, {side!r}))"
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    size, taken = out.split()[-2:]
    return int(size), float(taken)


def main() -> None:
    for model in sys.argv[1:] or MODELS:
        found = {side: _apart(model, side) for side in SIDES}
        size, taken = found[STEP]
        for side, (bytes_, seconds) in found.items():
            print(f"{model:12s} {side:18s} {bytes_ / size:5.2f} x memory  {seconds / taken:5.1f} x time", end="   ")
            print(f"({bytes_ / 2**20:.0f} MiB, {seconds:.2f} s)", flush=True)


if __name__ == "__main__":
    main()
