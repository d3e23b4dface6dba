"""A path whose gradient is zero, or only rounding noise, or so small that it looks like either."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from audits import Target
from tests.audits.traps.trap import IDLE, LIVE, UNDERFLOW, VACUOUS, Scale, Shift, linear, one_loss, points, trap

STEPS = {"round": torch.round, "floor": torch.floor, "ceil": torch.ceil, "trunc": torch.trunc, "sign": torch.sign}


@one_loss(encoder=VACUOUS, head=LIVE, paths={"encoder": 2, "head": 2})
def times_zero(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """A term that is switched off by a factor keeps its path."""
    return (0 * encoder(x) + head(x)).square().mean()


@one_loss(encoder=VACUOUS, head=LIVE)
def dead_relu(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """A unit that no input gates on."""
    return (torch.relu(encoder(x) - 100) + head(x)).square().mean()


@trap(expected={(name, module): status for name in STEPS for module, status in (("encoder", VACUOUS), ("head", LIVE))})
def step_functions() -> Target:
    """Piecewise constant functions have a path and a derivative of zero."""
    encoder, head = linear(), linear()

    def losses(x: Tensor) -> dict[str, Tensor]:
        return {name: (step(10 * encoder(x)) + head(x)).square().mean() for name, step in STEPS.items()}

    return Target({"encoder": encoder, "head": head}, losses, batches=[points()])


@one_loss(encoder=VACUOUS, head=LIVE)
def clamp_saturated(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """Every value lies below the range."""
    return (encoder(x).clamp(100, 101) + head(x)).square().mean()


@one_loss(encoder=UNDERFLOW)
def sigmoid_saturated_in_float32(x: Tensor, encoder: nn.Module) -> Tensor:
    """Exactly one in float32, but not in float64: 2e-9 of slope are left."""
    return torch.sigmoid(encoder(x) + 20).square().mean()


@one_loss(encoder=LIVE, head=LIVE)
def tiny_factor(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """Small is not zero."""
    return (head(x).square() + 1e-30 * encoder(x).square()).mean()


@one_loss(encoder=UNDERFLOW, head=LIVE)
def factor_below_float32(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """Zero in float32, small in float64."""
    return (head(x).square() + encoder(x).square() * 1e-30 * 1e-30).mean()


def summed_in_halves(x: Tensor, layer: nn.Linear) -> Tensor:
    """What `layer` computes of 64 inputs, up to rounding."""
    left, right = layer.weight.split(32, dim=1)
    return x[:, :32] @ left.T + x[:, 32:] @ right.T + layer.bias


@one_loss(encoder=VACUOUS, parts={"encoder": lambda: nn.Linear(64, 8)}, batches=[points(0, 4, 64)], fools_backward=True)
def identity_loss(x: Tensor, encoder: nn.Linear) -> Tensor:
    """Prediction and target are the same by construction, summed in another order: float32 shows 1e-9."""
    return F.mse_loss(encoder(x), summed_in_halves(x, encoder).detach())


@one_loss(encoder=VACUOUS, parts={"encoder": lambda: nn.Linear(64, 8)}, batches=[points(0, 4, 64)], fools_backward=True)
def identity_without_a_stop(x: Tensor, encoder: nn.Linear) -> Tensor:
    """Both sides have gradient, and the noise of one is not quite that of the other."""
    return F.mse_loss(encoder(x), summed_in_halves(x, encoder))


@one_loss(
    encoder=VACUOUS,
    parts={"encoder": lambda: nn.Linear(64, 8).double()},
    batches=[points(0, 4, 64).double()],
    fools_backward=True,
)
def identity_in_float64(x: Tensor, encoder: nn.Linear) -> Tensor:
    """No higher precision is left to compare with."""
    return F.mse_loss(encoder(x), summed_in_halves(x, encoder).detach())


@one_loss(
    encoder=VACUOUS,
    parts={"encoder": lambda: nn.Linear(64, 8).bfloat16()},
    batches=[points(0, 4, 64).bfloat16()],
    fools_backward=True,
)
def identity_in_bfloat16(x: Tensor, encoder: nn.Linear) -> Tensor:
    """Its noise is a hundredth of the value."""
    return F.mse_loss(encoder(x), summed_in_halves(x, encoder).detach())


@one_loss(encoder=LIVE, parts={"encoder": lambda: Scale().double()}, batches=[-torch.ones(4, 3).double()])
def tie_in_float64(x: Tensor, encoder: nn.Module) -> Tensor:
    """Which of equal values is the largest hangs on the last digit; that one of them gets gradient does not."""
    return encoder(x).max(dim=-1).values.mean()


@one_loss(encoder=VACUOUS, parts={"encoder": lambda: nn.Linear(64, 8)}, batches=[points(0, 4, 64)], fools_backward=True)
def norm_of_an_identity(x: Tensor, encoder: nn.Linear) -> Tensor:
    """The gradient of a norm has length one, even where the norm is only noise."""
    return (encoder(x) - summed_in_halves(x, encoder).detach()).norm()


@one_loss(
    encoder=VACUOUS,
    head=LIVE,
    parts={"encoder": lambda: nn.Linear(64, 8), "head": lambda: nn.Linear(64, 8)},
    batches=[points(0, 4, 64)],
    fools_backward=True,
)
def norm_of_an_identity_in_a_sum(x: Tensor, encoder: nn.Linear, head: nn.Module) -> Tensor:
    """Neither the value of the loss nor the size of the gradient falls with precision; its direction is random."""
    return (encoder(x) - summed_in_halves(x, encoder).detach()).norm() + head(x).square().mean()


@one_loss(encoder=VACUOUS)
def own_target(x: Tensor, encoder: nn.Module) -> Tensor:
    """The target is the prediction, stopped: zero, though it looks like a distillation."""
    return F.mse_loss(encoder(x), encoder(x).detach())


@one_loss(encoder=VACUOUS, fools_backward=True)
def cosine_with_itself(x: Tensor, encoder: nn.Module) -> Tensor:
    """One for every input."""
    return 1 - F.cosine_similarity(encoder(x), 3 * encoder(x)).mean()


@one_loss(encoder=VACUOUS, fools_backward=True)
def softmax_summed(x: Tensor, encoder: nn.Module) -> Tensor:
    """Probabilities add up to one, whatever the logits."""
    return encoder(x).softmax(-1).sum(-1).square().mean()


@one_loss(encoder=VACUOUS, head=LIVE, parts={"encoder": lambda: nn.Linear(3, 1)})
def softmax_over_one_entry(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """Attention over a single key does not depend on the score."""
    return (encoder(x).softmax(-1) * head(x)).square().mean()


@one_loss(encoder=VACUOUS, fools_backward=True)
def mean_of_normalised(x: Tensor, encoder: nn.Module) -> Tensor:
    """Zero by construction."""
    return F.layer_norm(encoder(x), (3,)).mean()


@one_loss(encoder=LIVE, shift=VACUOUS, parts={"shift": Shift}, fools_backward=True)
def bias_before_batch_norm(x: Tensor, encoder: nn.Module, shift: nn.Module) -> Tensor:
    """The mean over the batch takes every bias away again."""
    return F.batch_norm(shift(encoder(x)), None, None, training=True).sigmoid().square().mean()


@one_loss(query=LIVE, key=LIVE, shift=VACUOUS, parts={"shift": Shift}, fools_backward=True)
def key_bias_in_attention(x: Tensor, query: nn.Module, key: nn.Module, shift: nn.Module) -> Tensor:
    """A bias of the keys adds the same to each score of a row, and softmax does not see it."""
    return ((query(x) @ shift(key(x)).T).softmax(-1) @ x).square().mean()


@one_loss(encoder=VACUOUS, head=LIVE)
def where_never_selected(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """A branch that no element takes."""
    return torch.where(x > 100, encoder(x), head(x)).square().mean()


@one_loss(encoder=VACUOUS, head=LIVE)
def maximum_never_selected(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """The smaller of two gets nothing."""
    return torch.maximum(encoder(x) - 100, head(x)).square().mean()


@one_loss(encoder=VACUOUS, head=LIVE)
def max_pool_never_selecting(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """The largest value of a window is always somebody else's."""
    window = torch.cat([encoder(x) - 100, head(x)], dim=-1)
    return F.max_pool1d(window[:, None], kernel_size=6).square().mean()


@one_loss(encoder=VACUOUS, head=LIVE)
def empty_selection(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """A mask that is true nowhere."""
    return encoder(x)[x[:, 0] > 100].sum() + head(x).square().mean()


@one_loss(encoder=VACUOUS, head=LIVE)
def difference_with_itself(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """Both ways are open and cancel."""
    z = encoder(x)
    return (head(x) + z - z).square().mean()


@one_loss(encoder={VACUOUS, IDLE}, gate=LIVE, parts={"gate": lambda: Scale(0.0)})
def gate_closed_at_the_start(x: Tensor, encoder: nn.Module, gate: nn.Module) -> Tensor:
    """A residual branch behind a factor that starts at zero: nothing until the factor has moved."""
    return (x + gate(encoder(x))).square().mean()


@one_loss(encoder=IDLE, parts={"encoder": Scale}, batches=[torch.full((4, 3), 2.0), torch.full((4, 3), 0.5)])
def hinge_satisfied(x: Tensor, encoder: nn.Module) -> Tensor:
    """The first batch keeps its distance already, the second does not."""
    return torch.relu(1 - encoder(x)).mean()


@one_loss(
    encoder={IDLE, LIVE},
    head=LIVE,
    parts={"encoder": Scale},
    batches=[torch.full((4, 3), 0.5), torch.full((4, 3), 2.0)],
)
def hinge_satisfied_later(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """The other way round, beside a module that every batch moves."""
    return torch.relu(1 - encoder(x)).mean() + head(x).square().mean()


@one_loss(encoder=IDLE, parts={"encoder": Scale}, batches=[torch.full((4, 3), 2.0), torch.full((4, 3), 3.0)])
def hinge_satisfied_by_every_batch(x: Tensor, encoder: nn.Module) -> Tensor:
    """No batch shows that it can work; weights that have not learnt to satisfy it do."""
    return torch.relu(1 - encoder(x)).mean()
