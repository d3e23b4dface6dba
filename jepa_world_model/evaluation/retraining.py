"""Trainings of an ablation: the same data, seeds and budget, and no files but z of frames.

Batches and learning rates are functions of the step, and every phase begins with a new optimizer. So what is trained
alike in two variants is trained once: where they share the first phase, the second one begins with its weights.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import torch

from jepa_world_model.data import EpisodeSource
from jepa_world_model.data.prefetch import prefetch
from jepa_world_model.model import WorldModel
from jepa_world_model.model_config import Config
from jepa_world_model.phases import PERCEPTION, Phase
from jepa_world_model.run import initial_weights
from jepa_world_model.training.divergence import Diverged
from jepa_world_model.training.embeddings import embeddings_of
from jepa_world_model.training.runtime import prepare, resolve
from jepa_world_model.training.trainer import Trainer

CHECKED = 100
"""Steps from one look at whether the losses are finite to the next."""

Weights = dict[str, torch.Tensor]


class Retraining:
    """Trains variants of one config on one data set."""

    def __init__(self, source: EpisodeSource, folder: Path, on_step: Callable[[int, int], None]) -> None:
        """`folder` holds z of frames, `on_step` is told the steps done, of how many."""
        self._source, self._folder, self._on_step = source, folder, on_step
        self._perception: dict[tuple[object, ...], Weights] = {}

    def model(self, config: Config, seed: int) -> WorldModel:
        """The model that a config trains with a seed. Raises Diverged."""
        config = resolve(replace(config, train=replace(config.train, seed=seed)))
        trainer = Trainer(config, self._source, prepare(config.train), initial_weights(config))
        while phase := trainer.next_phase():
            if trainer.phase is not phase:
                trainer.enter(phase)
            if not self._taken_over(trainer, phase):
                self._trained(trainer, phase)
        return trainer.model

    def _taken_over(self, trainer: Trainer, phase: Phase) -> bool:
        """Whether the weights after a first phase of perception were there already."""
        if not _only_perception(trainer, phase):
            return False
        known = self._perception.get(_identity(trainer.config, phase))
        if known is None:
            return False
        for name in PERCEPTION:
            own = {key.partition(".")[2]: value for key, value in known.items() if key.startswith(f"{name}.")}
            trainer.model.get_submodule(name).load_state_dict(own)
        trainer.done = phase.last
        self._on_step(trainer.done, trainer.config.train.steps)
        return True

    def _trained(self, trainer: Trainer, phase: Phase) -> None:
        if phase.embedded:
            trainer.settle_statistics()
            embeddings = embeddings_of(trainer, self._folder, lambda done, of: None, lambda: False)
            assert embeddings is not None
            trainer.embed(embeddings)
        seen = []
        with closing(prefetch(trainer.sampler.batch, range(trainer.done, phase.last))) as batches:
            for batch in batches:
                losses, _, norm = trainer.step(batch)
                seen.append(torch.cat([losses.detach().flatten(), norm.detach().flatten()]))
                if trainer.done % CHECKED == 0 or trainer.done == phase.last:
                    _check_finite(seen, trainer.done)
                    seen.clear()
                    self._on_step(trainer.done, trainer.config.train.steps)
        if _only_perception(trainer, phase):
            weights = {key: value.clone() for key, value in trainer.model.state_dict().items()}
            self._perception[_identity(trainer.config, phase)] = weights


def _only_perception(trainer: Trainer, phase: Phase) -> bool:
    """Whether a phase trains encoder and decoder, and nothing that a later one trains too."""
    return phase is trainer.phases[0] and len(trainer.phases) > 1 and not phase.embedded


def _identity(config: Config, phase: Phase) -> tuple[object, ...]:
    """Everything that the weights after a first phase depend on."""
    losses = tuple(sorted((loss.name, weight) for loss, weight in phase.losses.items()))
    return config.model, config.data, config.train, losses


def _check_finite(seen: Sequence[torch.Tensor], step: int) -> None:
    if not bool(torch.stack(list(seen)).isfinite().all()):
        raise Diverged(step, ["a loss or a gradient"])
