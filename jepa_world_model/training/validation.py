"""The same losses on trajectories that training never sees, and the vitals of the representations."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

import torch

from jepa_world_model import processes
from jepa_world_model.data.windows import Batch
from jepa_world_model.model import WorldModel
from jepa_world_model.training.objective import Objective
from jepa_world_model.training.runtime import Runtime
from jepa_world_model.vitals import VITALS

SEED = 0


@dataclass(frozen=True)
class Validation:
    """What held-out windows say after some steps."""

    step: int
    losses: dict[str, float]
    vitals: dict[str, float]

    def as_json(self) -> dict[str, Any]:
        return {"split": "validation", "step": self.step, "losses": self.losses, "vitals": self.vitals}


@torch.no_grad()
def validate(
    model: WorldModel,
    objective: Objective,
    batches: Iterable[Batch],
    runtime: Runtime,
    *,
    step: int = 0,
    trained: Collection[str] = (),
) -> Validation:
    """The mean of each enabled loss, and the vitals of the modules that are trained.

    Model and random state are left as they were; other processes are not waited for.
    """
    vitals = [vital for vital in VITALS.values() if vital.module in trained]
    losses, seen = [], {name: [] for vital in vitals for name in vital.reads}
    was_training = model.training
    model.eval()
    devices = [runtime.device] if runtime.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices), runtime.autocast(), processes.by_itself():
        torch.manual_seed(SEED)
        for batch in batches:
            states = objective.states(model, batch)
            losses.append(objective(states))
            for name, values in seen.items():
                values.append(states[name])
    model.train(was_training)
    measured = {vital.name: vital(*(torch.cat(seen[name]) for name in vital.reads)).item() for vital in vitals}
    means = torch.stack(losses).mean(dim=0).tolist()
    return Validation(step, dict(zip(objective.names, means, strict=True)), measured)
