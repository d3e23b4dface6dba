"""A training step of each preset against a step of the bare autoencoder: all losses together, and on cached z.

The bare autoencoder is encoder and decoder on the same batch in the same precision: forward, pixel MSE, backward,
AdamW. With cached z, encoder and decoder are trained before, and a step reads z instead of frames.

python -m benchmarks.training_step [--preset NAME ...] [--rounds 15] [--set TABLE.KEY=VALUE ...]
"""

import argparse
from collections.abc import Callable

import numpy as np
import torch

from benchmarks.pairs import clock_of, compare
from jepa_world_model.config_file import load_config
from jepa_world_model.data.prefetch import prefetch
from jepa_world_model.data.windows import Batch
from jepa_world_model.losses import LOSSES
from jepa_world_model.presets import PRESETS
from jepa_world_model.run import open_config_source
from jepa_world_model.training.runtime import prepare, resolve
from jepa_world_model.training.trainer import Trainer

IMAGE_LOSSES = {
    "reference": ("recon_multi_box", "pixel_delta_multi_box"),
    "recommended": ("recon_hard",),
}
"""By preset: the losses of its pictures."""
ALWAYS_MORE = 10**9


def trainer_of(*overrides: str, preset: str = "reference", share: float = 0.0) -> Trainer:
    """A trainer on the embedded world. `share`: this part of its steps trains encoder and decoder alone."""
    own = [f"preset={preset}", "data.episodes=40", f"train.perception_share={share}"]
    config = resolve(load_config(None, [*own, *overrides]))
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


def cached(preset: str, overrides: tuple[str, ...]) -> Trainer:
    """A trainer in its second phase. Its z is noise: what a step takes does not depend on it."""
    trainer = trainer_of("train.perception_sequence_length=2", *overrides, preset=preset, share=0.5)
    trainer.enter(trainer.phases[1])
    width, noise = trainer.config.model.z_dim, np.random.default_rng(0)
    lengths = [len(trainer.source[episode].frames) for episode in range(len(trainer.source))]
    embeddings = [noise.standard_normal((length, width), dtype=np.float32) for length in lengths]
    trainer.embed(lambda episode: embeddings[episode])
    return trainer


def main(rounds: int = 15, overrides: tuple[str, ...] = (), presets: tuple[str, ...] = tuple(PRESETS)) -> None:
    for preset in presets:
        _compare(preset, rounds, overrides)


def _compare(preset: str, rounds: int, overrides: tuple[str, ...]) -> None:
    joint = trainer_of(*overrides, preset=preset)
    batch, train = joint.sampler.batch(0), joint.config.train
    clock = clock_of(joint.runtime.device.type)
    step = stepper(joint, batch)
    print(f"{preset}: {train.batch_size} windows of {train.sequence_length} frames, {train.device}, {train.precision}")

    def show(what: str, candidate: Callable[[], object], reference: Callable[[], object]) -> None:
        print(f"  {what:62s} {compare(candidate, reference, rounds=rounds, clock=clock)}", flush=True)

    bare = {"bare autoencoder (pixel MSE)": ("recon",), "autoencoder with the preset's own": IMAGE_LOSSES[preset]}
    for name, losses in bare.items():
        reference = trainer_of(*overrides, *only(*losses), preset=preset)
        show(f"all losses together / {name}", step, stepper(reference, batch))
    late = cached(preset, overrides)
    show("all losses together / on cached z", step, stepper(late, late.sampler.batch(0)))
    batches = prefetch(joint.sampler.batch, range(ALWAYS_MORE))
    show("all losses together, with the data loader / on one batch", lambda: stepper(joint, next(batches))(), step)
    batches.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--preset", action="append", choices=list(PRESETS), dest="presets")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--set", action="append", default=[], dest="overrides", metavar="TABLE.KEY=VALUE")
    options = parser.parse_args()
    main(options.rounds, tuple(options.overrides), tuple(options.presets or PRESETS))
