"""Vitals: measures of the representations with bounds, which detect collapse and explosion during training.

A vital is declared like a loss: a function whose parameters name the states that it reads. Its bounds are the defaults
of the table [alarms] of a config. It is measured at each validation, on held-out windows, as long as its module is
trained. What a run measures anyway, its losses and the norm of its gradient, has bounds too.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jepa_world_model.lazy_torch import torch

if TYPE_CHECKING:
    from torch import Tensor

VITALS: dict[str, Vital] = {}
BELOW, ABOVE = "below", "above"


@dataclass(frozen=True)
class Bound:
    """A limit of a vital: the key of [alarms] that sets it, its default, what it means to cross it, what to do."""

    measure: str
    side: str
    default: float
    meaning: str
    patience: float = 0.0
    """The share of the run's steps before which it is not judged."""

    @property
    def key(self) -> str:
        return f"{self.measure}_{self.side}"

    def crossed(self, value: float, bound: float) -> bool:
        """NaN crosses no bound: it ends the run anyway."""
        return value < bound if self.side == BELOW else value > bound


@dataclass(frozen=True)
class Vital:
    """A declared vital. Calling it with the states that it reads gives a scalar."""

    name: str
    reads: tuple[str, ...]
    module: str
    function: Callable[..., Tensor]

    @property
    def meaning(self) -> str:
        """What it measures, in one line."""
        return (self.function.__doc__ or "").partition("\n")[0]

    def __call__(self, *states: Tensor) -> Tensor:
        return self.function(*states)


BOUNDS: list[Bound] = [
    Bound(
        "gradient_norm",
        ABOVE,
        1e4,
        "the gradient explodes, and is clipped to train.gradient_clip: lower train.learning_rate or the largest weight",
    ),
    Bound(
        "loss_growth",
        ABOVE,
        100.0,
        "the weighted sum on held-out windows is that many times what it was before training: lower "
        "train.learning_rate, or look which loss rises",
    ),
    Bound(
        "loss",
        BELOW,
        1e-10,
        "before training already: it teaches nothing. Both of its sides are the same by construction, or any weights "
        "satisfy it. jepa audit-grads --checkpoint RUN says which: an identity is vacuous",
    ),
]
"""All bounds; those of vitals join with their declaration."""


def vital(
    *,
    module: str,
    below: tuple[float, str] | None = None,
    above: tuple[float, str] | None = None,
    patience: float = 0.0,
) -> Callable[[Callable[..., Tensor]], Vital]:
    """Declare a vital under the function's name, of the module that it is about, with what crossing a bound means.

    With `patience` it is judged only after that share of the run's steps.
    """

    def declare(function: Callable[..., Tensor]) -> Vital:
        name = function.__name__
        VITALS[name] = Vital(name, tuple(inspect.signature(function).parameters), module, function)
        sides = ((BELOW, below), (ABOVE, above))
        BOUNDS.extend(Bound(name, side, *bound, patience) for side, bound in sides if bound)
        return VITALS[name]

    return declare


@vital(
    module="encoder",
    below=(
        3.0,
        "z is collapsing: its vectors lie in fewer directions than a place needs. Usually what predicts z trains the "
        "encoder too (train.detach_z_from_h_and_p = false) or nothing holds it up: raise a reconstruction loss or "
        "losses.sigreg",
    ),
)
def z_effective_rank(z: Tensor) -> Tensor:
    """In how many directions z lies: RankMe, exp of the entropy of its singular values (arXiv 2210.02885)."""
    return effective_rank(z)


@vital(
    module="encoder",
    below=(0.05, "z is collapsing: all places look alike to the encoder. Raise a reconstruction loss or losses.sigreg"),
    above=(50.0, "z explodes: lower train.learning_rate, or the weight of the loss that drives it"),
)
def z_spread(z: Tensor) -> Tensor:
    """Standard deviation of each dimension of z over frames, averaged."""
    return z.flatten(0, -2).std(dim=0).mean()


@vital(
    module="predictor",
    below=(2.0, "h is collapsing: the dynamics are the same everywhere. Raise losses.inverse_dynamics_h or losses.h2z"),
)
def h_effective_rank(h: Tensor) -> Tensor:
    """In how many directions h lies (RankMe)."""
    return effective_rank(h)


@vital(
    module="predictor",
    below=(0.1, "h fades away over the window: check the predictor"),
    above=(10.0, "h explodes over the window: lower train.learning_rate"),
)
def h_norm(h: Tensor) -> Tensor:
    """Length of h at the end of a window, divided by the square root of its width."""
    return torch.linalg.vector_norm(h[:, -1], dim=-1).mean() / h.shape[-1] ** 0.5


@vital(
    module="p_action_delta_projector",
    below=(0.01, "Δp is collapsing: every action moves the pose by nothing. Give it a scale: losses.scale_dp = 1"),
    above=(100.0, "Δp explodes: give it a scale: losses.scale_dp = 1"),
)
def dp_length(dp: Tensor) -> Tensor:
    """Median length of the pose increments Δp."""
    return torch.linalg.vector_norm(dp, dim=-1).median()


@vital(
    module="p_action_delta_projector",
    above=(
        0.95,
        "the pose ignores the action: whatever is done, Δp points the same way, so p is of no use for planning. Give "
        "it something to follow: losses.anchor_dp with the losses of q (preset = recommended), or "
        "losses.inverse_dynamics_dp",
    ),
    patience=0.6,
)
def dp_action_cosine(dp: Tensor, a: Tensor) -> Tensor:
    """The least cosine between the mean Δp of two kinds of action: 1 where p moves alike whatever is done.

    A kind is a column of the action and the sign that it has there; one that was not taken does not count.
    """
    steps, taken = dp.flatten(0, -2).float(), a[:, :-1].flatten(0, -2).float()
    kinds = torch.cat([taken.clamp(min=0), -taken.clamp(max=0)], dim=-1)  # [N, 2 A]
    kinds = kinds[:, kinds.sum(dim=0) > 0]
    if kinds.shape[1] < 2:
        return dp.new_zeros(())
    unit = torch.nn.functional.normalize(kinds.T @ steps, dim=-1)
    return (unit @ unit.T).min()


def effective_rank(vectors: Tensor) -> Tensor:
    """exp(-sum p log p) of p = singular values of [N, D] over their sum (Garrido et al. 2023, arXiv 2210.02885, eq. 1).

    Between 1, when all vectors are parallel, and min(N, D). Vectors that are all zero have rank 1; NaN where one has a
    number that is not finite.
    """
    flat = vectors.flatten(0, -2).float()
    if not flat.isfinite().all():
        return torch.full_like(flat.sum(), float("nan"))
    values = torch.linalg.svdvals(flat)
    shares = values / values.sum().clamp(min=torch.finfo(values.dtype).tiny)
    return torch.special.entr(shares).sum().exp()
