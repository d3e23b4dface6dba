"""The enabled losses of a run, and their weighted sum."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from jepa_world_model.data.windows import Batch
from jepa_world_model.losses import Loss
from jepa_world_model.model import WorldModel
from jepa_world_model.model_config import Config
from jepa_world_model.states import Gates, States


class Objective:
    """What a batch costs: one value for each enabled loss, in the order of `names`."""

    def __init__(self, config: Config, device: torch.device, losses: Mapping[Loss, float] | None = None) -> None:
        """`losses` with their weights, if not all enabled ones."""
        chosen = config.enabled if losses is None else losses
        self.losses = tuple(chosen)
        self.names = tuple(loss.name for loss in self.losses)
        self.weights = torch.tensor(list(chosen.values()), device=device)
        self._device, self._dtype = device, torch.get_default_dtype()
        self._gates = Gates.of(config.model, config.train)
        self._horizon = config.train.rollout_horizon

    def states(self, model: WorldModel, batch: Batch, *, horizon: int | None = None) -> States:
        """The states of a batch; rollouts are as deep as in training unless `horizon` says otherwise."""
        actions = batch.actions.to(self._device, self._dtype, non_blocking=True)
        horizon = horizon or self._horizon
        if batch.z is None:
            x, s = self.frames(batch), self.body(batch)
            return States(model, x, actions, gates=self._gates, horizon=horizon, s=s)
        z = batch.z.to(self._device, self._dtype, non_blocking=True)
        return States(model, None, actions, gates=self._gates, horizon=horizon, z=z)

    def frames(self, batch: Batch) -> Tensor:
        """x [B, T, C, H, W] in [0, 1], on the device. Channels stay innermost in memory: channels-last for free."""
        return self.pixels(batch.frames)

    def body(self, batch: Batch) -> Tensor | None:
        """Proprioception s [B, T, P] on the device, where the data has one that the model sees."""
        if batch.proprioception is None:
            return None
        return batch.proprioception.to(self._device, self._dtype, non_blocking=True)

    def pixels(self, frames: Tensor) -> Tensor:
        """Frames [B, T, H, W, C] uint8 to [B, T, C, H, W] in [0, 1], on the device."""
        on_device = frames.to(self._device, non_blocking=True)
        return on_device.permute(0, 1, 4, 2, 3).to(self._dtype).div(255)

    def each(self, states: States) -> list[Tensor]:
        """All losses of one batch, each a scalar of its own graph."""
        with parametrize.cached():  # spectral norm is computed once a step, not once a call
            return [loss(states).to(self._dtype) for loss in self.losses]

    def __call__(self, states: States) -> Tensor:
        """All losses of one batch. [L], in the precision of the parameters"""
        return torch.stack(self.each(states))

    def total(self, losses: Tensor) -> Tensor:
        """Losses [L] to their weighted sum."""
        return losses @ self.weights


class LossesOfBatch(nn.Module):
    """From a batch to its losses [L], as one module: what DDP wraps."""

    def __init__(self, model: WorldModel, objective: Objective) -> None:
        super().__init__()
        self.model, self.objective = model, objective

    def forward(self, batch: Batch) -> Tensor:
        return self.objective(self.objective.states(self.model, batch))


def reached_parameters(model: nn.Module, total: Tensor) -> list[nn.Parameter]:
    """The parameters that a backward pass from `total` would give a gradient, in the order of the model."""
    seen, queue, reached = set(), [total.grad_fn], set()
    while queue:
        node = queue.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if (parameter := getattr(node, "variable", None)) is not None:
            reached.add(id(parameter))
        queue.extend(following for following, _ in node.next_functions)
    return [parameter for parameter in model.parameters() if id(parameter) in reached]
