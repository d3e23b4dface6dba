"""Audit a trainer that has nothing to do with world models: soft actor-critic on images.

Three losses share an encoder, and the recipe lives from its stops: only the critic trains the encoder, the actor reads
it stop-grad, and the target critic gets no gradient at all.

    python examples/audit_actor_critic.py
    jepa audit-grads --target examples.audit_actor_critic:audit_target --table examples/audit_actor_critic.md
"""

from __future__ import annotations

import copy
import sys
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from audits import Target, against, audit

ACTIONS, FEATURES, GAMMA, ENTROPY = 2, 16, 0.99, 2.0

Batch = tuple[Tensor, Tensor, Tensor, Tensor]


class ActorCritic(nn.Module):
    """Each child is a column of the table, and so is the temperature, a parameter of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.ReLU(), nn.Flatten(), nn.LazyLinear(FEATURES))
        self.encoder(torch.zeros(1, 3, 16, 16))
        self.actor = nn.Linear(FEATURES, 2 * ACTIONS)
        self.critic = nn.Sequential(nn.Linear(FEATURES + ACTIONS, 32), nn.ReLU(), nn.Linear(32, 1))
        self.target_critic = copy.deepcopy(self.critic).requires_grad_(False)
        self.log_temperature = nn.Parameter(torch.zeros(()))

    def act(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """A sampled action [B, A], and its log-probability [B]."""
        mean, log_std = self.actor(features).chunk(2, dim=-1)
        policy = torch.distributions.Normal(mean, log_std.clamp(-5, 2).exp())
        action = policy.rsample()
        return action, policy.log_prob(action).sum(dim=-1)

    def value(self, critic: nn.Module, features: Tensor, action: Tensor) -> Tensor:
        """Q-values [B]."""
        return critic(torch.cat([features, action], dim=-1)).squeeze(-1)


def losses(model: ActorCritic, batch: Batch, *, actor_trains_encoder: bool = False) -> dict[str, Tensor]:
    """What a training step computes."""
    frame, action, reward, next_frame = batch
    features, temperature = model.encoder(frame), model.log_temperature.exp()

    with torch.no_grad():
        next_features = model.encoder(next_frame)
        next_action, log_probability = model.act(next_features)
        future = model.value(model.target_critic, next_features, next_action) - temperature * log_probability
        target = reward + GAMMA * future

    read_by_actor = features if actor_trains_encoder else features.detach()
    new_action, log_probability = model.act(read_by_actor)
    model.critic.requires_grad_(False)  # it judges the new action, and must not learn from its own verdict
    verdict = model.value(model.critic, read_by_actor, new_action)
    model.critic.requires_grad_(True)
    return {
        "critic": mse_loss(model.value(model.critic, features, action), target),
        "actor": (temperature.detach() * log_probability - verdict).mean(),
        "temperature": (temperature * (ENTROPY - log_probability.detach())).mean(),
    }


def audit_target() -> Target:
    """All that the audit needs to know."""
    torch.manual_seed(0)
    model = ActorCritic()
    batches = [
        (torch.rand(4, 3, 16, 16), torch.rand(4, ACTIONS), torch.rand(4), torch.rand(4, 3, 16, 16)) for _ in range(2)
    ]
    return Target(
        model,
        lambda batch, **gates: losses(model, batch, **gates),
        batches=batches,
        gates={"actor_trains_encoder": [False, True]},
        name="actor_critic",
    )


if __name__ == "__main__":
    here = Path(__file__)
    sys.path.insert(0, str(here.parents[1]))
    from examples.audit_actor_critic import audit_target  # the name by which the lock file knows its stops

    found = audit(audit_target(), settings="all")
    print(found.table().to_string())
    comparison = against(found, here.with_suffix(".md"))
    print("as documented" if comparison.passed else "\n".join(map(str, comparison.drifts)))
    sys.exit(0 if comparison.passed else 1)
