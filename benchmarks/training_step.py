"""A full training step against a step of the bare autoencoder, and what the data loader adds.

The bare autoencoder is encoder and decoder on the same batch in the same precision: forward, pixel MSE, backward,
AdamW.
"""

import argparse
from collections.abc import Callable

import torch

from benchmarks.pairs import compare
from jepa_world_model.config_file import load_config
from jepa_world_model.data.prefetch import prefetch
from jepa_world_model.data.windows import Batch
from jepa_world_model.losses import LOSSES
from jepa_world_model.run import open_config_source
from jepa_world_model.training.runtime import prepare, resolve
from jepa_world_model.training.trainer import Trainer

ALWAYS_MORE = 10**9


def trainer_of(*overrides: str) -> Trainer:
    """A trainer on the embedded world."""
    config = resolve(load_config(None, ["preset=reference", "data.episodes=40", *overrides]))
    return Trainer(config, open_config_source(config), prepare(config.train))


def only(*names: str) -> list[str]:
    """Overrides that leave these losses enabled."""
    return [f"losses.{name}={float(name in names)}" for name in LOSSES]


def stepper(trainer: Trainer, batch: Batch) -> Callable[[], None]:
    """One step on always the same batch, waited for."""

    def step() -> None:
        trainer.step(batch)
        if trainer.runtime.device.type == "cuda":
            torch.cuda.synchronize()

    return step


def main(rounds: int = 15, overrides: tuple[str, ...] = ()) -> None:
    full = trainer_of(*overrides)
    batch = full.sampler.batch(0)
    references = {
        "bare autoencoder (pixel MSE)": trainer_of(*overrides, *only("recon")),
        "autoencoder with its two default losses": trainer_of(
            *overrides, *only("recon_multi_box", "pixel_delta_multi_box")
        ),
    }
    train = full.config.train
    print(f"{train.batch_size} windows of {train.sequence_length} frames, {train.device}, {train.precision}")
    for name, reference in references.items():
        ratio = compare(stepper(full, batch), stepper(reference, batch), rounds=rounds)
        print(f"full step / {name:42s} {ratio}")
    batches = prefetch(full.sampler.batch, range(ALWAYS_MORE))
    ratio = compare(lambda: stepper(full, next(batches))(), stepper(full, batch), rounds=rounds)
    batches.close()
    print(f"full step with data loader / {'on one batch again and again':33s} {ratio}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--set", action="append", default=[], dest="overrides", metavar="TABLE.KEY=VALUE")
    options = parser.parse_args()
    main(options.rounds, tuple(options.overrides))
