"""The modules that live on vectors: predictor, maps between representations, increments, actions read back."""

import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm
from torch.nn.utils.parametrizations import spectral_norm

FIRST_STEP = 0.1


def mlp(width_in: int, hidden: int, width_out: int) -> nn.Sequential:
    """One hidden layer."""
    return nn.Sequential(nn.Linear(width_in, hidden), nn.SiLU(), nn.Linear(hidden, width_out))


class Head(nn.Module):
    """An MLP on the concatenation of its inputs."""

    def __init__(self, inputs: tuple[int, ...], hidden: int, width_out: int) -> None:
        super().__init__()
        self.layers = mlp(sum(inputs), hidden, width_out)

    def forward(self, *inputs: Tensor) -> Tensor:
        """Inputs [..., D_i] to an output [..., width_out]."""
        return self.layers(torch.cat(inputs, dim=-1))


class HiddenStateHead(Head):
    """A head whose output is a hidden state: LayerNorm without parameters keeps its scale.

    The losses on h reward small, predictable changes. Without a fixed scale h would shrink to satisfy them.
    """

    def forward(self, *inputs: Tensor) -> Tensor:
        """Inputs [..., D_i] to a hidden state [..., Dh] with mean 0 and variance 1 over its dimensions."""
        h = super().forward(*inputs)
        return layer_norm(h, h.shape[-1:])


class Predictor(HiddenStateHead):
    """h_{t+1} from [z_t, h_t, a_t].

    Spectral norm (arXiv 1802.05957) bounds each linear layer's gain by one, so that an error made in one step of a
    rollout does not grow in the next. The bound would also make an action, of length one, negligible next to z and
    h, of length sqrt(D); so it is scaled to theirs.
    """

    def __init__(self, inputs: tuple[int, ...], hidden: int, width_out: int, *, spectral: bool) -> None:
        super().__init__(inputs, hidden, width_out)
        if spectral:
            for layer in self.layers:
                if isinstance(layer, nn.Linear):
                    spectral_norm(layer)
        self.action_scale = inputs[1] ** 0.5

    def forward(self, z: Tensor, h: Tensor, a: Tensor) -> Tensor:
        """z [..., Dz], h [..., Dh], a [..., A] to the next hidden state [..., Dh]."""
        return super().forward(z, h, a * self.action_scale)


class DeltaProjector(nn.Module):
    """An increment from states and an action.

    Increments are added up over a rollout, so the states that they come from are normalised (LayerNorm, arXiv
    1607.06450). The action is not: LayerNorm would erase an action of width one. For the same reason the output starts
    small: the last layer is initialised at a tenth of the usual scale.
    """

    def __init__(self, states: tuple[int, ...], action: int, hidden: int, width_out: int, *, normalise: bool) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(width) if normalise else nn.Identity() for width in states)
        self.head = Head((*states, action), hidden, width_out)
        with torch.no_grad():
            for parameter in self.head.layers[-1].parameters():
                parameter.mul_(FIRST_STEP)

    def forward(self, *inputs: Tensor) -> Tensor:
        """States [..., D_i] and, last, an action [..., A] to an increment [..., width_out]."""
        *states, action = inputs
        return self.head(*(norm(state) for norm, state in zip(self.norms, states, strict=True)), action)
