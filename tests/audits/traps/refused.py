"""What cannot be audited: one message that names the culprit."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from audits import Target
from tests.audits.traps.trap import linear, points, trap


def of(losses: Callable[[Tensor, nn.Module], Any], **options: Any) -> Target:
    """A target with one encoder."""
    encoder = linear()
    return Target({"encoder": encoder}, lambda x, **_: losses(x, encoder), **{"batches": [points()], **options})


@trap(error="[4]")
def loss_of_each_sample() -> Target:
    """Not reduced to one number."""
    return of(lambda x, encoder: {"recon": encoder(x).square().mean(-1)})


@trap(error="nan")
def loss_is_nan() -> Target:
    """Not a number."""
    return of(lambda x, encoder: {"recon": (encoder(x) - 1e9).log().mean()})


@trap(error="inf")
def loss_is_infinite() -> Target:
    """Larger than any number."""
    return of(lambda x, encoder: {"recon": (encoder(x) * torch.inf).abs().mean()})


@trap(error="nan")
def loss_is_nan_on_a_later_batch() -> Target:
    """Every batch is looked at."""
    return of(
        lambda x, encoder: {"recon": (encoder(x).exp() * x.log()).mean()}, batches=[points().abs(), -points().abs()]
    )


@trap(error="recon")
def loss_is_none() -> Target:
    """A loss that was not computed."""
    return of(lambda x, encoder: {"jepa": encoder(x).mean(), "recon": None})


@trap(error="empty")
def no_losses() -> Target:
    """An empty dict."""
    return of(lambda x, encoder: {})


@trap(error="Tensor")
def sum_in_place_of_losses() -> Target:
    """The total, without names."""
    return of(lambda x, encoder: encoder(x).mean())


@trap(error="list")
def list_in_place_of_losses() -> Target:
    """No names."""
    return of(lambda x, encoder: [encoder(x).mean()])


@trap(error="'aux'", settings="all")
def loss_removed_by_a_gate() -> Target:
    """A table needs the same rows at every setting."""
    encoder = linear()

    def losses(x: Tensor, auxiliary: bool) -> dict[str, Tensor]:
        value = encoder(x).square().mean()
        return {"main": value, "aux": 2 * value} if auxiliary else {"main": value}

    return Target({"encoder": encoder}, losses, [points()], gates={"auxiliary": (True, False)})


@trap(error="lazy")
def weights_not_made_yet() -> Target:
    """A lazy module before its first batch."""
    encoder = nn.LazyLinear(3)
    return Target({"encoder": encoder}, lambda x: {"recon": encoder(x).mean()}, batches=[points()])
