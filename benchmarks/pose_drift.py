"""Whether different actions move the pose differently: python -m benchmarks.pose_drift RUN_FOLDER

Prints the cosine between the mean pose increments of each pair of one-hot actions (NOOP last), on held-out windows.
"""

import sys
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch.nn.functional import cosine_similarity

from jepa_world_model.run import open_config_source
from jepa_world_model.training.run_folder import RunFolder
from jepa_world_model.training.runtime import prepare
from jepa_world_model.training.session import VALIDATION_WINDOWS
from jepa_world_model.training.trainer import Trainer


def main(folder: Path) -> None:
    run, config = RunFolder.open(folder)
    trainer = Trainer(config, open_config_source(config), prepare(config.train))
    trainer.model.load_state_dict(load_file(run.weights))
    trainer.model.eval()
    with torch.no_grad():
        cosines = cosines_between_actions(trainer)
    for row in cosines:
        print("  ".join(f"{cosine:6.3f}" for cosine in row))


def cosines_between_actions(trainer: Trainer) -> torch.Tensor:
    """[A + 1, A + 1], from one-hot actions."""
    increments, actions = [], []
    for batch in trainer.validation.sequential(VALIDATION_WINDOWS):
        states = trainer.whole.states(trainer.model, batch)
        increments.append(states.dp.flatten(0, 1))
        actions.append(states.a[:, :-1].flatten(0, 1))
    taken = torch.cat(actions)
    taken = torch.cat([taken, 1 - taken.sum(dim=1, keepdim=True)], dim=1)
    means = taken.T @ torch.cat(increments)
    return cosine_similarity(means[:, None], means[None], dim=-1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
