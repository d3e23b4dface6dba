"""The first ten steps, loss by loss: a refactoring must not move them.

After a change that is meant to move them: python -m tests.training.test_golden_losses
"""

from pathlib import Path

import torch

from jepa_world_model.config_file import load_config
from jepa_world_model.losses import LOSSES
from jepa_world_model.run import open_config_source
from jepa_world_model.training.runtime import prepare, resolve
from jepa_world_model.training.trainer import Trainer

GOLDEN = Path(__file__).with_name("golden_losses.txt")
STEPS = 10
RELATIVE, ABSOLUTE = 2e-3, 1e-6
SETTINGS = [
    "preset=reference",
    "data.episodes=8",
    "data.episode_length=16",
    "model.image_size=32",
    "model.encoder_widths=[8, 16, 16, 24]",
    "model.decoder_widths=[8, 8, 8, 16]",
    "model.h_dim=24",
    "model.hidden_width=32",
    "train.batch_size=4",
    "train.sequence_length=6",
    "train.steps=10",
    "train.warmup_steps=10",
    "train.learning_rate=1e-4",
    "train.device=cpu",
    "train.threads=1",
    *(f"losses.{name}=1" for name in LOSSES if name != "sigreg"),
    "losses.sigreg=0.05",
]


def first_losses() -> torch.Tensor:
    """Every loss at each of the first steps. [steps, losses]"""
    config = resolve(load_config(None, SETTINGS))
    trainer = Trainer(config, open_config_source(config), prepare(config.train))
    return torch.stack([trainer.step(trainer.sampler.batch(step))[0].detach() for step in range(STEPS)])


def golden_losses() -> dict[str, list[float]]:
    lines = GOLDEN.read_text(encoding="utf-8").splitlines()
    return {name: [float(value) for value in values] for name, *values in map(str.split, lines)}


def test_ten_steps_are_as_they_were() -> None:
    golden = golden_losses()
    assert list(golden) == list(LOSSES)
    for name, now in zip(golden, first_losses().T, strict=True):
        before = torch.tensor(golden[name])
        assert torch.allclose(now, before, rtol=RELATIVE, atol=ABSOLUTE), (
            f"{name}: was {golden[name]}, is {now.tolist()}"
        )


if __name__ == "__main__":
    table = zip(LOSSES, first_losses().T.tolist(), strict=True)
    lines = [f"{name} {' '.join(f'{value:.6g}' for value in values)}\n" for name, values in table]
    GOLDEN.write_text("".join(lines), encoding="utf-8")
