"""Gradient that is stopped, on purpose or by accident."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.audits.traps.trap import ABSENT, LIVE, VACUOUS, one_loss


@one_loss(encoder=ABSENT, head=LIVE, why={"encoder": "detach()"})
def detached(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """The plainest stop."""
    return head(encoder(x).detach()).square().mean()


@one_loss(encoder=ABSENT, head=LIVE, why={"encoder": "detach_()"})
def detached_in_place(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """The same tensor, which forgets where it came from."""
    z = encoder(x)
    z.detach_()
    return head(z).square().mean()


@one_loss(encoder=ABSENT, head=LIVE, why={"encoder": ".data"})
def data(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """The old way to detach."""
    return head(encoder(x).data).square().mean()


@one_loss(encoder=ABSENT, head=LIVE, why={"encoder": "no_grad"})
def no_grad_block(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """A feature extractor that is not to be trained."""
    with torch.no_grad():
        z = encoder(x)
    return head(z).square().mean()


@one_loss(encoder=ABSENT, head=LIVE, why={"encoder": "no_grad"})
def no_grad_decorator(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """The stop is far from the line that uses it."""

    @torch.no_grad()
    def features(x: Tensor) -> Tensor:
        return encoder(x)

    return head(features(x)).square().mean()


@one_loss(encoder=ABSENT, head=LIVE, why={"encoder": "no_grad"})
def grad_switched_off(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """`no_grad` by another name."""
    with torch.set_grad_enabled(False):
        z = encoder(x)
    return head(z).square().mean()


@one_loss(encoder=LIVE, head=LIVE)
def grad_switched_on_again(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """The inner context wins."""
    with torch.no_grad(), torch.enable_grad():
        z = encoder(x)
    return head(z).square().mean()


@one_loss(encoder=ABSENT, head=LIVE, why={"encoder": "no_grad"})
def inference_mode(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """Its tensors may not even be saved for a backward pass, so they are cloned."""
    with torch.inference_mode():
        z = encoder(x)
    return head(z.clone()).square().mean()


@one_loss(encoder=ABSENT, head=LIVE, why={"encoder": "item()"})
def item_round_trip(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """Through a Python number."""
    return (head(x) * encoder(x).mean().item()).square().mean()


@one_loss(encoder=ABSENT, head=LIVE, why={"encoder": "tolist()"})
def list_round_trip(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """Through a list, back in the default precision."""
    return head(torch.tensor(encoder(x).tolist())).square().mean()


@one_loss(encoder=ABSENT, head=LIVE, why={"encoder": "detach()"})
def numpy_round_trip(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """Through NumPy, in place of a few lines of torch."""
    return head(torch.from_numpy(np.sort(encoder(x).detach().numpy()))).square().mean()


@one_loss(encoder=ABSENT, head=LIVE)
def copied_by_new_tensor(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """A constructor copies values, not history."""
    return head(x.new_tensor(encoder(x).detach())).square().mean()


@one_loss(encoder=ABSENT, head=LIVE, why={"encoder": "detach()"})
def restarted_leaf(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """It requires grad, but nothing lies behind it."""
    return head(encoder(x).detach().requires_grad_()).square().mean()


@one_loss(encoder=ABSENT, head=LIVE)
def copied_into_data(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """Written behind autograd's back."""
    z = torch.zeros_like(x)
    z.data.copy_(encoder(x))
    return head(z).square().mean()


@one_loss(encoder=LIVE, head=LIVE)
def copied_into(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """A copy into a fresh tensor is differentiable."""
    return head(torch.zeros_like(x).copy_(encoder(x))).square().mean()


@one_loss(encoder=ABSENT, head=LIVE, why={"encoder": "detach()"})
def stopped_on_one_side(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """A target network, as in self-distillation."""
    return F.mse_loss(head(x), encoder(x).detach())


@one_loss(encoder=LIVE, head=LIVE)
def stopped_on_one_of_two_ways(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """The stop is there and the gradient takes the other way."""
    z = encoder(x)
    return F.mse_loss(head(z), z.detach())


@one_loss(encoder=ABSENT, middle=ABSENT, head=LIVE, why={"encoder": "detach()", "middle": "detach()"})
def stopped_twice(x: Tensor, encoder: nn.Module, middle: nn.Module, head: nn.Module) -> Tensor:
    """To reach the first module both stops would have to go."""
    return head(middle(encoder(x).detach()).detach()).square().mean()


@one_loss(encoder=ABSENT, head=LIVE, why={"encoder": "argmax"})
def argmax(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """The number of the largest is an integer."""
    return head(F.one_hot(encoder(x).argmax(-1), 3).to(x.dtype)).square().mean()


@one_loss(encoder=ABSENT, head=LIVE, why={"encoder": "long()"})
def cast_to_integer(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """Integers have no gradient."""
    return head((10 * encoder(x)).long().to(x.dtype)).square().mean()


@one_loss(encoder=ABSENT, head=LIVE)
def compared(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """Nor have truth values."""
    return head((encoder(x) > 0).to(x.dtype)).square().mean()


@one_loss(encoder=ABSENT, head=LIVE, why={"encoder": "argsort"})
def integer_index(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """Who is chosen gets gradient, who chooses does not."""
    return head(x)[torch.arange(4), encoder(x).argsort(-1)[:, 0]].square().mean()


@one_loss(encoder=ABSENT, table=LIVE, parts={"table": lambda: nn.Embedding(3, 3)})
def embedding_lookup(x: Tensor, encoder: nn.Module, table: nn.Module) -> Tensor:
    """A code book learns, what picks the code does not."""
    return table(encoder(x).argmin(-1)).square().mean()


@one_loss(encoder=ABSENT, head=LIVE, why={"encoder": "multinomial"})
def sampled(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """A categorical sample."""
    drawn = torch.multinomial(encoder(x).softmax(-1), 1)
    return head(x).gather(-1, drawn).square().mean()


@one_loss(encoder=VACUOUS, head=LIVE)
def sampled_coins(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """A Bernoulli sample has a path and a derivative of zero."""
    return head(torch.bernoulli(encoder(x).sigmoid())).square().mean()


@one_loss(encoder=LIVE, head=ABSENT)
def score_function(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """The policy learns by its log-probability, the reward is a number."""
    log_p = encoder(x).log_softmax(-1)
    drawn = torch.multinomial(log_p.detach().exp(), 1)
    return -(log_p.gather(-1, drawn)[:, 0] * head(x).sum(-1).detach()).mean()


@one_loss(encoder=ABSENT, head=LIVE)
def decided_by_if(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """A condition is no data path."""
    return (2 * head(x) if encoder(x).mean() > -100 else head(x)).square().mean()


@one_loss(encoder=ABSENT, why={"encoder": "detach()"})
def loss_that_is_stopped(x: Tensor, encoder: nn.Module) -> Tensor:
    """A value for the log among the losses: in no graph, and the stop is known."""
    return encoder(x).square().mean().detach()


@one_loss(encoder=ABSENT, why={"encoder": "no_grad"})
def loss_under_no_grad(x: Tensor, encoder: nn.Module) -> Tensor:
    """The evaluation function in place of the training one."""
    with torch.no_grad():
        return encoder(x).square().mean()


@one_loss(encoder=ABSENT, why={"encoder": "> 0"})
def loss_that_counts(x: Tensor, encoder: nn.Module) -> Tensor:
    """An accuracy is no loss."""
    return (encoder(x) > 0).sum()
