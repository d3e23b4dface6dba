"""The same losses on trajectories that training never sees."""

from collections.abc import Iterable

import torch

from jepa_world_model.data.windows import Batch
from jepa_world_model.model import WorldModel
from jepa_world_model.training.objective import Objective
from jepa_world_model.training.runtime import Runtime

SEED = 0


@torch.no_grad()
def validate(model: WorldModel, objective: Objective, batches: Iterable[Batch], runtime: Runtime) -> dict[str, float]:
    """The mean of each enabled loss. Model and random state are left as they were."""
    was_training = model.training
    model.eval()
    devices = [runtime.device] if runtime.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices), runtime.autocast():
        torch.manual_seed(SEED)
        losses = [objective(objective.states(model, batch)) for batch in batches]
    model.train(was_training)
    return dict(zip(objective.names, torch.stack(losses).mean(dim=0).tolist(), strict=True))
