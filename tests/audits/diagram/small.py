"""A trainer with one of each: a state, a stop, a gate, a frozen use, an idle hinge, a vacuous term, a family."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from audits import Target
from audits.diagram.survey import Survey
from audits.legend import Legend
from tests.audits.diagram.world import surveyed

LEGEND = Legend(
    symbols={"z": "z"},
    roles={"perception": ("encoder", "decoder"), "judgement": ("critic",)},
    families={"images": ("reconstruct", "sharpen")},
)


class Batch(NamedTuple):
    frames: Tensor
    reward: Tensor


class States:
    """What is computed of a batch."""

    def __init__(self, net: nn.ModuleDict, frames: Tensor) -> None:
        self._net, self._frames = net, frames

    @property
    def z(self) -> Tensor:
        return self._net["encoder"](self._frames)


def target(*, seed: int = 0) -> Target:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        names = ("encoder", "decoder", "critic", "spare")
        net = nn.ModuleDict({name: nn.Linear(3, 3) for name in names})
        batch = Batch(torch.rand(4, 3), torch.rand(4, 3))

    def losses(batch: Batch, *, critic_trains_encoder: bool = False) -> dict[str, Tensor]:
        z = States(net, batch.frames).z
        judged = z if critic_trains_encoder else z.detach()
        drawn = net["decoder"](z)
        net["critic"].requires_grad_(False)
        verdict = net["critic"](drawn).mean()
        net["critic"].requires_grad_(True)
        return {
            "reconstruct": mse_loss(drawn, batch.frames),
            "sharpen": mse_loss(drawn, batch.frames.round()),
            "value": mse_loss(net["critic"](judged), batch.reward),
            "follow": mse_loss(z[1:], z[:-1].detach()),
            "please": verdict,
            "nothing": 0 * net["encoder"](batch.frames).mean(),
        }

    return Target(
        net,
        losses,
        batches=[batch],
        gates={"critic_trains_encoder": [False, True]},
        states=(States,),
        legend=LEGEND,
        name="small",
    )


@cache
def small(*, judged: bool = False) -> tuple[Survey, Legend]:
    """Its survey, with the gate closed or open, and its legend."""
    return surveyed(target(), gates={"critic_trains_encoder": judged}), LEGEND
