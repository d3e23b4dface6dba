"""Clipped PPO with the loss and the advantage of TorchRL, on a rollout that was drawn at random."""

import torch
from tensordict import TensorDict
from tensordict.nn import TensorDictModule
from torch import nn
from torchrl.modules import OneHotCategorical, ProbabilisticActor, ValueOperator
from torchrl.objectives import ClipPPOLoss
from torchrl.objectives.value import GAE


def rollout(steps: int = 32) -> TensorDict:
    done = torch.zeros(1, steps, 1, dtype=torch.bool)
    return TensorDict(
        {
            "observation": torch.randn(1, steps, 4),
            ("next", "observation"): torch.randn(1, steps, 4),
            ("next", "reward"): torch.randn(1, steps, 1),
            ("next", "done"): done,
            ("next", "terminated"): done.clone(),
        },
        [1, steps],
    )


torch.manual_seed(0)
policy_net = nn.Sequential(nn.Linear(4, 32), nn.Tanh(), nn.Linear(32, 2))
value_net = nn.Sequential(nn.Linear(4, 32), nn.Tanh(), nn.Linear(32, 1))
actor = ProbabilisticActor(
    TensorDictModule(policy_net, in_keys=["observation"], out_keys=["logits"]),
    in_keys=["logits"],
    distribution_class=OneHotCategorical,
    return_log_prob=True,
)
critic = ValueOperator(value_net, in_keys=["observation"])
advantage = GAE(gamma=0.99, lmbda=0.95, value_network=critic)
loss_module = ClipPPOLoss(actor, critic, entropy_coeff=0.01, critic_coeff=0.5)
optim = torch.optim.Adam(loss_module.parameters(), lr=3e-4)

for _ in range(2):
    with torch.no_grad():
        data = advantage(actor(rollout())).reshape(-1)
    for batch in data.split(16):
        loss_vals = loss_module(batch)
        loss = loss_vals["loss_objective"] + loss_vals["loss_critic"] + loss_vals["loss_entropy"]
        optim.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(loss_module.parameters(), 1.0)
        optim.step()
