"""Eight trainers of different shape: wide, deep, recurrent, of many losses or modules, with gradients in doubt."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss, relu

from audits import Target

Made = Callable[[torch.device], Target]


def mlp(device: torch.device) -> Target:
    """A million parameters, three losses."""
    net = nn.ModuleDict(
        {
            "body": nn.Sequential(nn.Linear(128, 1024), nn.ReLU(), nn.Linear(1024, 768), nn.ReLU()),
            "policy": nn.Linear(768, 16),
            "value": nn.Linear(768, 1),
        }
    ).to(device)

    def losses(x: Tensor, label: Tensor) -> dict[str, Tensor]:
        h = net["body"](x)
        value = net["value"](h.detach())
        return {
            "policy": cross_entropy(net["policy"](h), label),
            "value": value.square().mean(),
            "small": h.square().mean(),
        }

    batch = torch.randn(256, 128, device=device), torch.randint(16, (256,), device=device)
    return Target(net, lambda pair: losses(*pair), batches=[batch], name="MLP")


class Bottleneck(nn.Module):
    """He et al. 2016, figure 5 (right)."""

    def __init__(self, inner: int, channels: int, stride: int) -> None:
        super().__init__()
        outer = 4 * inner
        self.way = nn.Sequential(
            nn.Conv2d(channels, inner, 1, bias=False),
            nn.BatchNorm2d(inner),
            nn.ReLU(),
            nn.Conv2d(inner, inner, 3, stride, 1, bias=False),
            nn.BatchNorm2d(inner),
            nn.ReLU(),
            nn.Conv2d(inner, outer, 1, bias=False),
            nn.BatchNorm2d(outer),
        )
        same = stride == 1 and channels == outer
        self.shortcut = nn.Identity() if same else nn.Conv2d(channels, outer, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return relu(self.way(x) + self.shortcut(x))


def resnet(device: torch.device) -> Target:
    """ResNet-50 with two heads, one of them on a stopped feature."""
    net = nn.ModuleDict({"body": residual(), "head": nn.Linear(2048, 100), "probe": nn.Linear(2048, 100)}).to(device)

    def losses(x: Tensor, label: Tensor) -> dict[str, Tensor]:
        h = net["body"](x)
        return {
            "classify": cross_entropy(net["head"](h), label),
            "probe": cross_entropy(net["probe"](h.detach()), label),
        }

    batch = torch.randn(8, 3, 96, 96, device=device), torch.randint(100, (8,), device=device)
    return Target(net, lambda pair: losses(*pair), batches=[batch], name="ResNet-50")


def residual() -> nn.Sequential:
    """The body of ResNet-50: 2,048 features of each picture."""
    blocks, channels = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)], 64
    for inner, count, stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for number in range(count):
            blocks.append(Bottleneck(inner, channels, stride if number == 0 else 1))
            channels = 4 * inner
    return nn.Sequential(*blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten())


def distilled(device: torch.device) -> Target:
    """ResNet-50 that follows its own average, whose features a third loss spreads over few distances."""
    student, head = residual(), nn.Linear(2048, 1000)
    teacher, its_head = copy.deepcopy(student).requires_grad_(False), copy.deepcopy(head).requires_grad_(False)
    net = nn.ModuleDict({"student": student, "head": head, "teacher": teacher, "teacher head": its_head}).to(device)

    def losses(one: Tensor, other: Tensor) -> dict[str, Tensor]:
        with torch.no_grad():
            soft = torch.softmax(its_head(teacher(one)) / 0.04, -1)
        h = student(other)
        near = torch.cdist(h, h) + 1e3 * torch.eye(len(h), device=h.device)
        return {
            "distil": -(soft * torch.log_softmax(head(h) / 0.1, -1)).sum(-1).mean(),
            "spread": -near.min(1).values.log().mean(),
        }

    views = torch.randn(2, 8, 3, 96, 96, device=device)
    return Target(net, lambda pair: losses(*pair), batches=[tuple(views)], name="distilled ResNet-50")


def zero_for_now(device: torch.device) -> Target:
    """ResNet-50 with an adapter that starts at zero, a loss whose weight is zero, and a margin that is kept."""
    names = {
        "body": residual(),
        "adapter": nn.Linear(2048, 64),
        "back": nn.Linear(64, 2048),
        "head": nn.Linear(2048, 100),
    }
    nn.init.zeros_(names["back"].weight)
    net = nn.ModuleDict(names).to(device)

    def losses(x: Tensor, label: Tensor) -> dict[str, Tensor]:
        h = net["body"](x)
        h = h + net["back"](net["adapter"](h))
        return {
            "classify": cross_entropy(net["head"](h), label),
            "off": 0.0 * h.square().mean(),
            "margin": relu(h.square().mean() - 1e6),
        }

    batch = torch.randn(8, 3, 96, 96, device=device), torch.randint(100, (8,), device=device)
    return Target(net, lambda pair: losses(*pair), batches=[batch], name="ResNet-50 with zeros")


def transformer(device: torch.device) -> Target:
    """A hundred million parameters, four losses on its tokens."""
    width, tokens, length = 768, 10_000, 64
    layer = nn.TransformerEncoderLayer(width, 12, 4 * width, dropout=0.0, batch_first=True)
    net = nn.ModuleDict(
        {
            "embedding": nn.Embedding(tokens, width),
            "body": nn.TransformerEncoder(layer, 12, enable_nested_tensor=False),
            "next": nn.Linear(width, tokens),
            "value": nn.Linear(width, 1),
        }
    ).to(device)
    mask = nn.Transformer.generate_square_subsequent_mask(length, device=device)

    def losses(x: Tensor) -> dict[str, Tensor]:
        e = net["embedding"](x)
        h = net["body"](e, mask=mask, is_causal=True)
        value = net["value"](h)[..., 0]
        return {
            "next": cross_entropy(net["next"](h[:, :-1]).flatten(0, 1), x[:, 1:].flatten()),
            "value": mse_loss(value[:, :-1], value[:, 1:].detach()),
            "probe": net["value"](h.detach()).square().mean(),
            "smooth": mse_loss(h[:, 1:], h[:, :-1].detach()),
        }

    return Target(net, losses, batches=[torch.randint(tokens, (2, length), device=device)], name="transformer, 100 M")


def recurrent(device: torch.device) -> Target:
    """A GRU cell over 64 steps, five losses."""
    net = nn.ModuleDict(
        {
            "encoder": nn.Linear(32, 64),
            "cell": nn.GRUCell(64, 128),
            "ahead": nn.Linear(128, 64),
            "back": nn.Linear(64, 32),
            "action": nn.Linear(128, 4),
        }
    ).to(device)

    def losses(x: Tensor) -> dict[str, Tensor]:
        z, h, states = net["encoder"](x), x.new_zeros(len(x), 128), []
        for step in range(x.shape[1]):
            h = net["cell"](z[:, step], h)
            states.append(h)
        states = torch.stack(states, 1)
        ahead = net["ahead"](states[:, :-1])
        return {
            "predict": mse_loss(ahead, z[:, 1:].detach()),
            "reconstruct": mse_loss(net["back"](z), x),
            "imagine": mse_loss(net["back"](ahead.detach()), x[:, 1:]),
            "action": net["action"](states).square().mean(),
            "small": states.square().mean(),
        }

    return Target(net, losses, batches=[torch.randn(16, 64, 32, device=device)], name="GRU, 64 steps")


def many_losses(device: torch.device) -> Target:
    """A hundred losses over one body, every second one on a stopped feature."""
    net = nn.ModuleDict({"body": nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 256))})
    net.update({f"head_{number}": nn.Linear(256, 8) for number in range(20)})
    net.to(device)

    def losses(x: Tensor) -> dict[str, Tensor]:
        h = net["body"](x)
        return {
            f"loss_{number}": (net[f"head_{number % 20}"](h.detach() if number % 2 else h) - number).square().mean()
            for number in range(100)
        }

    return Target(net, losses, batches=[torch.randn(64, 64, device=device)], name="100 losses")


def many_modules(device: torch.device) -> Target:
    """Five hundred modules in a row, three losses that enter at different depths."""
    net = nn.ModuleDict({f"layer_{number:03d}": nn.Linear(64, 64) for number in range(500)}).to(device)

    def losses(x: Tensor) -> dict[str, Tensor]:
        found = {}
        for number, layer in enumerate(net.values()):
            x = x + 0.1 * layer(x.detach() if number == 250 else x).tanh()
            if number in (100, 300, 499):
                found[f"at_{number}"] = x.square().mean()
        return found

    return Target(net, losses, batches=[torch.randn(32, 64, device=device)], name="500 modules")


SHAPES: Mapping[str, Made] = {
    "mlp": mlp,
    "resnet": resnet,
    "distilled": distilled,
    "zeros": zero_for_now,
    "transformer": transformer,
    "recurrent": recurrent,
    "many-losses": many_losses,
    "many-modules": many_modules,
}
