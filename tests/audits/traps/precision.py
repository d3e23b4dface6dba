"""Precision: what vanishes, overflows or is noise in one, and is not in another."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from audits import Target
from tests.audits.traps.trap import LIVE, NONFINITE, UNDERFLOW, UNKNOWN, VACUOUS, Scale, linear, one_loss, points, trap
from tests.audits.traps.zeros import summed_in_halves

HALF = points().half()


def linear_in_half() -> nn.Linear:
    return linear().half()


@one_loss(encoder=UNDERFLOW, parts={"encoder": linear_in_half}, batches=[HALF])
def underflow_in_half(x: Tensor, encoder: nn.Module) -> Tensor:
    """The gradient is smaller than anything that half precision knows."""
    return (1e-4 * encoder(x)).square().mean()


@one_loss(encoder=UNDERFLOW)
def underflow_by_a_cast(x: Tensor, encoder: nn.Module) -> Tensor:
    """Only the loss is in half precision."""
    return (1e-4 * encoder(x).half()).square().mean().float()


@one_loss(encoder=UNDERFLOW)
def underflow_in_autocast(x: Tensor, encoder: nn.Module) -> Tensor:
    """Nobody asked for half precision here but the context."""
    with torch.autocast("cpu", torch.float16):
        return (1e-4 * encoder(x)).square().mean()


@one_loss(
    encoder={LIVE, NONFINITE, UNKNOWN},
    parts={"encoder": lambda: Scale(0.01, features=1).half()},
    batches=[torch.full((1, 1), 300.0).half()],
)
def overflow_in_half(x: Tensor, encoder: nn.Module) -> Tensor:
    """The loss fits, the gradient is 90,000 and does not."""
    return (300 * encoder(x)).sum()


@one_loss(encoder=LIVE, head=LIVE)
def autocast(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """Casts in every layer."""
    with torch.autocast("cpu", torch.bfloat16):
        return head(encoder(x).relu()).float().square().mean()


@one_loss(encoder=LIVE, parts={"encoder": lambda: linear().bfloat16()}, batches=[points().bfloat16()])
def bfloat16(x: Tensor, encoder: nn.Module) -> Tensor:
    """Three digits."""
    return encoder(x).square().mean()


@one_loss(encoder=LIVE, parts={"encoder": lambda: linear().double()}, batches=[points().double()])
def float64(x: Tensor, encoder: nn.Module) -> Tensor:
    """The precision of the audit itself."""
    return encoder(x).square().mean()


@one_loss(encoder=LIVE, head=LIVE, parts={"encoder": linear_in_half})
def two_precisions(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """Cast into one module and out of it again."""
    return head(encoder(x.half()).float()).square().mean()


@one_loss(encoder=VACUOUS, parts={"encoder": lambda: nn.Linear(64, 8)}, batches=[points(0, 4, 64)], fools_backward=True)
def identity_cast_to_float32(x: Tensor, encoder: nn.Linear) -> Tensor:
    """An identity that insists on float32, where it is noise."""
    return F.mse_loss(encoder(x).float(), summed_in_halves(x, encoder).detach().float())


@one_loss(encoder=LIVE)
def default_precision_in_the_loss(x: Tensor, encoder: nn.Module) -> Tensor:
    """Made in the loss, without a word about the precision."""
    return encoder(torch.ones(4, 3)).square().mean()


@one_loss(encoder=LIVE)
def float32_in_the_loss(x: Tensor, encoder: nn.Module) -> Tensor:
    """Made in the loss, and float32 by name."""
    return encoder(torch.ones(4, 3, dtype=torch.float32)).square().mean()


@one_loss(encoder=LIVE)
def float32_from_numpy(x: Tensor, encoder: nn.Module) -> Tensor:
    """An array keeps its precision."""
    return encoder(torch.from_numpy(np.ones((4, 3), dtype=np.float32))).square().mean()


@trap(expected={("loss", "encoder"): LIVE})
def float32_from_outside() -> Target:
    """A constant that is neither batch nor buffer."""
    encoder, anchor = linear(), points(1)
    return Target({"encoder": encoder}, lambda x: {"loss": F.mse_loss(encoder(anchor), x)}, batches=[points()])


class Rotated(nn.Module):
    """A plain tensor as an attribute, which no cast of the module will find."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.rotation = linear(), torch.eye(3).flip(0)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x) @ self.rotation


@one_loss(encoder=LIVE, parts={"encoder": Rotated})
def attribute_that_is_no_buffer(x: Tensor, encoder: nn.Module) -> Tensor:
    """Forgotten `register_buffer`."""
    return encoder(x).square().mean()


@one_loss(encoder={LIVE, UNKNOWN})
def refuses_float64(x: Tensor, encoder: nn.Module) -> Tensor:
    """A kernel that knows a single precision cannot be checked in another; its path is there."""
    z = encoder(x)
    if z.dtype != torch.float32:
        raise TypeError(f"this kernel is for float32, found {z.dtype}")
    return z.square().mean()


@one_loss(encoder={LIVE, UNKNOWN})
def refuses_float64_by_assertion(x: Tensor, encoder: nn.Module) -> Tensor:
    """The same, said in another way."""
    z = encoder(x)
    assert z.dtype == torch.float32, "this kernel is for float32"
    return z.square().mean()


@one_loss(encoder={LIVE, UNKNOWN}, head={LIVE, UNKNOWN})
def fake_quantised(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """Training for quantisation: steps forwards, straight through backwards."""
    return head(torch.fake_quantize_per_tensor_affine(encoder(x), 0.1, 0, -128, 127)).square().mean()


class ComplexScale(nn.Module):
    """A complex factor for each feature."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([1 + 1j, 2 - 1j, 0.5j]))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight


@one_loss(encoder=LIVE, filter=LIVE, parts={"filter": ComplexScale})
def complex_parameter(x: Tensor, encoder: nn.Module, filter: nn.Module) -> Tensor:
    """Complex numbers have two precisions too."""
    return filter(encoder(x)).abs().square().mean()


@one_loss(
    encoder=VACUOUS,
    parts={"encoder": lambda: nn.Linear(64, 8, dtype=torch.complex64)},
    batches=[points(0, 4, 64)],
    fools_backward=True,
)
def identity_of_complex_numbers(x: Tensor, encoder: nn.Linear) -> Tensor:
    """Noise of single precision in both parts."""
    x = x.to(torch.complex64)
    return (encoder(x) - summed_in_halves(x, encoder).detach()).abs().square().mean()


@dataclass(frozen=True)
class Batch:
    """What a data set hands over."""

    x: Tensor
    labels: Tensor
    name: str = "first"


def of_labels(x: Tensor, encoder: nn.Module, labels: Tensor) -> Tensor:
    return F.cross_entropy(encoder(x), labels)


@one_loss(encoder=LIVE, batches=[{"x": [points()], "more": (torch.tensor([0, 2, 1, 0]), None, "first")}])
def batch_of_containers(batch: dict, encoder: nn.Module) -> Tensor:
    """Numbers, labels and words; only the numbers have a precision."""
    return of_labels(batch["x"][0], encoder, batch["more"][0])


@one_loss(encoder=LIVE, batches=[Batch(points(), torch.tensor([0, 2, 1, 0]))])
def batch_in_a_dataclass(batch: Batch, encoder: nn.Module) -> Tensor:
    """The same as somebody's own type."""
    return of_labels(batch.x, encoder, batch.labels)
