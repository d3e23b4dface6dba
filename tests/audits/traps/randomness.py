"""Random numbers: every pass draws, and none may be missing afterwards."""

import random

import numpy as np
import torch
from torch import Tensor, nn
from torch.distributions import Normal
from torch.nn import functional as F

from tests.audits.traps.trap import ABSENT, IDLE, LIVE, UNKNOWN, VACUOUS, linear, one_loss, points


@one_loss(encoder=LIVE, head=LIVE)
def dropout(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """Half of the features."""
    return head(F.dropout(encoder(x), 0.5)).square().mean()


@one_loss(encoder=VACUOUS, head=LIVE)
def dropout_of_everything(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """A path with nothing on it."""
    return (F.dropout(encoder(x), 1.0) + head(x)).square().mean()


@one_loss(encoder=LIVE, drop=ABSENT, head=LIVE, parts={"drop": lambda: nn.Dropout(1.0).eval()})
def dropout_in_eval(x: Tensor, encoder: nn.Module, drop: nn.Module, head: nn.Module) -> Tensor:
    """The same, switched off."""
    return head(drop(encoder(x))).square().mean()


@one_loss(encoder=LIVE)
def two_masks(x: Tensor, encoder: nn.Module) -> Tensor:
    """It looks like an identity, but the two masks differ."""
    z = encoder(x)
    return F.mse_loss(F.dropout(z, 0.5), F.dropout(z, 0.5))


@one_loss(encoder=VACUOUS)
def two_noises(x: Tensor, encoder: nn.Module) -> Tensor:
    """The value is random and depends on no weight."""
    z = encoder(x)
    return F.mse_loss(z + torch.randn_like(z), z + torch.randn_like(z))


@one_loss(encoder=LIVE)
def python_random(x: Tensor, encoder: nn.Module) -> Tensor:
    """A factor from Python's generator."""
    return (random.uniform(1, 2) * encoder(x)).square().mean()


@one_loss(encoder=LIVE)
def numpy_random(x: Tensor, encoder: nn.Module) -> Tensor:
    """Noise from NumPy's generator."""
    noise = torch.from_numpy(np.random.randn(4, 3)).to(x.dtype)
    return encoder(x + noise).square().mean()


@one_loss(encoder=LIVE)
def seeded_inside(x: Tensor, encoder: nn.Module) -> Tensor:
    """The loss sets the seed of every generator, and so would the next training step be seeded."""
    torch.manual_seed(3)
    random.seed(3)
    np.random.seed(3)
    return encoder(x + torch.randn_like(x)).square().mean()


class Noisy(nn.Module):
    """Draws from generators of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = linear()
        self.generator, self.numbers, self.dice = torch.Generator(), np.random.default_rng(0), random.Random(0)

    def forward(self, x: Tensor) -> Tensor:
        noise = torch.randn(x.shape, generator=self.generator)
        return self.layer(x + noise) * (self.numbers.uniform(1, 2) + self.dice.random())


@one_loss(encoder=LIVE, parts={"encoder": Noisy})
def generators_of_its_own(x: Tensor, encoder: nn.Module) -> Tensor:
    """Every generator is one that a training run must find as it was."""
    return encoder(x).square().mean()


@one_loss(encoder={IDLE, LIVE}, head=LIVE, fools_backward=True)
def coin_in_front(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """A term that counts in half of the steps: its path is always there."""
    return float(random.random() < 0.5) * encoder(x).square().mean() + head(x).square().mean()


@one_loss(encoder={LIVE, IDLE, UNKNOWN}, block={LIVE, IDLE, UNKNOWN}, fools_backward=True)
def stochastic_depth(x: Tensor, encoder: nn.Module, block: nn.Module) -> Tensor:
    """Half of the time a block is skipped: no path now, a path at the next draw."""
    z = encoder(x)
    return (block(z) if random.random() < 0.5 else z).square().mean()


@one_loss(
    left={LIVE, IDLE, UNKNOWN},
    right={LIVE, IDLE, UNKNOWN},
    batches=[points() - 9, points() + 9],
    fools_backward=True,
)
def expert_chosen_by_the_batch(x: Tensor, left: nn.Module, right: nn.Module) -> Tensor:
    """One batch goes to one expert, the next to another: each has a path in one of two graphs."""
    return (left if x.mean() < 0 else right)(x).square().mean()


@one_loss(encoder=LIVE, head=LIVE)
def gumbel(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """A random choice that is hard forwards and soft backwards."""
    return head(F.gumbel_softmax(encoder(x), hard=True)).square().mean()


@one_loss(encoder=LIVE, head=LIVE)
def reparametrised(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """A Gaussian sample with gradient."""
    return head(Normal(encoder(x), 1.0).rsample()).square().mean()


@one_loss(encoder=ABSENT, head=LIVE)
def not_reparametrised(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """The same sample without: one letter of difference."""
    return head(Normal(encoder(x), 1.0).sample()).square().mean()
