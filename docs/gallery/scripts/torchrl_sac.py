"""A step of soft actor-critic with the loss of TorchRL, on transitions that were drawn at random."""

import torch
from tensordict import TensorDict
from tensordict.nn import NormalParamExtractor, TensorDictModule
from torch import nn
from torchrl.data import Bounded
from torchrl.modules import ProbabilisticActor, TanhNormal, ValueOperator
from torchrl.objectives import SACLoss, SoftUpdate

OBSERVATION, ACTION = 4, 2


def actor() -> ProbabilisticActor:
    net = nn.Sequential(nn.Linear(OBSERVATION, 32), nn.Tanh(), nn.Linear(32, 2 * ACTION), NormalParamExtractor())
    return ProbabilisticActor(
        module=TensorDictModule(net, in_keys=["observation"], out_keys=["loc", "scale"]),
        in_keys=["loc", "scale"],
        spec=Bounded(-1.0, 1.0, (ACTION,)),
        distribution_class=TanhNormal,
    )


class QValue(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(OBSERVATION + ACTION, 32), nn.Tanh(), nn.Linear(32, 1))

    def forward(self, observation: torch.Tensor, action: torch.Tensor) -> torch.Tensor:
        return self.net(torch.cat([observation, action], dim=-1))


def batch(size: int = 32) -> TensorDict:
    return TensorDict(
        {
            "observation": torch.randn(size, OBSERVATION),
            "action": torch.rand(size, ACTION) * 2 - 1,
            ("next", "observation"): torch.randn(size, OBSERVATION),
            ("next", "reward"): torch.randn(size, 1),
            ("next", "done"): torch.zeros(size, 1, dtype=torch.bool),
            ("next", "terminated"): torch.zeros(size, 1, dtype=torch.bool),
        },
        [size],
    )


torch.manual_seed(0)
loss_module = SACLoss(actor(), ValueOperator(QValue(), in_keys=["observation", "action"]), num_qvalue_nets=2)
target_updater = SoftUpdate(loss_module, eps=0.995)
optim = torch.optim.Adam(loss_module.parameters(), lr=3e-4)
for _ in range(8):
    loss_vals = loss_module(batch())
    loss_value = loss_vals["loss_actor"] + loss_vals["loss_qvalue"] + loss_vals["loss_alpha"]
    loss_value.backward()
    optim.step()
    optim.zero_grad()
    target_updater.step()
