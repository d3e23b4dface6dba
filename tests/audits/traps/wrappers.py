"""Modules that are wrapped, compiled or rewritten."""

import warnings
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch._C._distributed_c10d import HashStore
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel
from torch.nn.utils import parametrizations, parametrize, prune
from torch.nn.utils import spectral_norm as old_spectral_norm
from torch.nn.utils import weight_norm as old_weight_norm

from audits import Target
from tests.audits.traps.trap import ABSENT, FROZEN, LIVE, UNKNOWN, VACUOUS, Trap, linear, one_loss, points, trap
from tests.audits.traps.zeros import summed_in_halves

COMPILED = {("loss", "encoder"): {LIVE, UNKNOWN}, ("loss", "head"): {LIVE, UNKNOWN}, ("loss", "spare"): ABSENT}


class Model(nn.Module):
    """Two modules in a row, and a third that is not used."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.head, self.spare = linear(), linear(), linear()

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.encoder(x).tanh())


class Wrapper(nn.Module):
    """What data parallel wrappers look like: one child, called `module`."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor) -> Tensor:
        return self.module(x)


def of_model(model: Any) -> Target:
    """A loss of the output of a whole model."""
    return Target(model, lambda x: {"loss": model(x).square().mean()}, batches=[points()])


def in_a_group_of_one(module: nn.Module) -> DistributedDataParallel:
    """Really data parallel, over a single process."""
    if not distributed.is_initialized():
        distributed.init_process_group("gloo", store=HashStore(), rank=0, world_size=1)
    return DistributedDataParallel(module)


WRAPPED = {("loss", "encoder"): LIVE, ("loss", "head"): LIVE, ("loss", "spare"): ABSENT}


@trap(expected=WRAPPED)
def one_child_called_module() -> Target:
    """The children that count are those of the model inside."""
    return of_model(Wrapper(Model()))


@trap(expected=WRAPPED)
def data_parallel() -> Target:
    """Without a second device it only wraps."""
    return of_model(nn.DataParallel(Model()))


@trap(expected=WRAPPED)
def distributed_data_parallel() -> Target:
    """It holds its parameters itself and synchronises them."""
    return of_model(in_a_group_of_one(Model()))


@one_loss(encoder=LIVE, head=LIVE, parts={"encoder": lambda: in_a_group_of_one(linear())})
def distributed_module(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """Only one module of several."""
    return head(encoder(x)).square().mean()


@trap(expected=COMPILED)
def compiled_model() -> Target:
    """The graph is captured and run by eager kernels."""
    return of_model(torch.compile(Model(), backend="eager"))


@trap(expected=COMPILED)
def compiled_model_with_one_node() -> Target:
    """The whole region is one node of the graph."""
    return of_model(torch.compile(Model(), backend="aot_eager"))


@trap(
    expected={
        (f"loss_{name}", module): {LIVE if module in ("encoder", name) else ABSENT, UNKNOWN}
        for name in ("left", "right")
        for module in ("encoder", "left", "right")
    },
    fools_backward=True,
)
def compiled_region_with_two_heads() -> Target:
    """One node for both heads: it seems to reach everything, and sends zeros."""
    encoder, left, right = linear(), linear(), linear()

    @torch.compile(backend="aot_eager")
    def heads(x: Tensor) -> tuple[Tensor, Tensor]:
        z = encoder(x)
        return left(z), right(z)

    def losses(x: Tensor) -> dict[str, Tensor]:
        a, b = heads(x)
        return {"loss_left": a.square().mean(), "loss_right": b.square().mean()}

    return Target({"encoder": encoder, "left": left, "right": right}, losses, batches=[points()])


def of_scripted(make: str) -> Trap:
    """The encoder is a TorchScript module, whose kernels stay in their precision."""

    def build() -> Target:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            layer = linear()
            encoder: Any = torch.jit.script(layer) if make == "script" else torch.jit.trace(layer, points())
        head = linear()
        return Target(
            {"encoder": encoder, "head": head},
            lambda x: {"through": head(encoder(x)).square().mean(), "stopped": head(encoder(x).detach()).mean()},
            batches=[points()],
        )

    build.__name__, build.__doc__ = f"{make}_module", of_scripted.__doc__
    expected = {
        ("through", "encoder"): {LIVE, UNKNOWN},
        ("through", "head"): {LIVE, UNKNOWN},
        ("stopped", "encoder"): ABSENT,
        ("stopped", "head"): {LIVE, UNKNOWN},
    }
    return trap(expected=expected)(build)


of_scripted("script")
of_scripted("trace")


def scripted_and_frozen() -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return torch.jit.script(linear().requires_grad_(False))


@one_loss(encoder={FROZEN, UNKNOWN}, head=LIVE, parts={"encoder": scripted_and_frozen})
def frozen_script_module(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """What happens inside is hidden from Python, and nothing of it is in the graph."""
    return head(encoder(x)).square().mean()


def scripted() -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return torch.jit.script(nn.Linear(64, 8))


@one_loss(encoder={VACUOUS, UNKNOWN}, parts={"encoder": scripted}, batches=[points(0, 4, 64)], fools_backward=True)
def identity_of_a_script_module(x: Tensor, encoder: Any) -> Tensor:
    """Its kernels keep their precision."""
    return F.mse_loss(encoder(x), summed_in_halves(x, encoder).detach())


@one_loss(encoder=LIVE, head=LIVE, parts={"encoder": lambda: parametrizations.spectral_norm(linear())})
def spectral_norm(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """Each forward pass in training mode is a step of its power iteration."""
    return head(encoder(encoder(x))).square().mean()


@one_loss(encoder=LIVE, head=LIVE, parts={"encoder": lambda: old_spectral_norm(linear())})
def spectral_norm_by_hook(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """The weight is a plain attribute that each forward pass sets."""
    return head(encoder(x)).square().mean()


@one_loss(encoder=LIVE, head=LIVE, parts={"encoder": lambda: parametrizations.weight_norm(linear())})
def weight_norm(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """Length and direction."""
    return head(encoder(x)).square().mean()


def with_old_weight_norm() -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return old_weight_norm(linear())


@one_loss(encoder=LIVE, head=LIVE, parts={"encoder": with_old_weight_norm})
def weight_norm_by_hook(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """The weight is a plain attribute with a graph of its own, and cannot be deep-copied."""
    return head(encoder(x)).square().mean()


@one_loss(encoder=LIVE, head=LIVE, parts={"encoder": lambda: parametrizations.orthogonal(linear())})
def orthogonal_weight(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """A weight that is computed from a matrix exponential."""
    return head(encoder(x).tanh()).square().mean()


@one_loss(encoder=LIVE, head=LIVE, parts={"encoder": lambda: parametrizations.weight_norm(linear())})
def parametrization_cached(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """The computed weight is kept in a global table for the length of the block."""
    with parametrize.cached():
        return head(encoder(encoder(x))).square().mean()


@one_loss(encoder=LIVE, head=LIVE, parts={"encoder": lambda: prune.l1_unstructured(linear(), "weight", amount=4)})
def pruned(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """A mask as a buffer, and a weight that is none."""
    return head(encoder(x)).square().mean()


class Adapter(nn.Module):
    """A small trained correction of a large frozen layer."""

    def __init__(self, base: nn.Module) -> None:
        super().__init__()
        self.base, self.correction = base.requires_grad_(False), linear()

    def forward(self, x: Tensor) -> Tensor:
        return self.base(x) + 0.1 * self.correction(x)


@trap(expected={("loss", "base"): FROZEN, ("loss", "correction"): LIVE})
def adapter() -> Target:
    """The frozen base is on the path beside the correction."""
    return of_model(Adapter(linear()))
