"""A whole run: data, trainer, run folder, pictures and summary; and back from its folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from jepa_world_model.data import EpisodeSource, open_source, split_episodes
from jepa_world_model.data.windows import Batch, WindowSampler
from jepa_world_model.evaluation.pictures import draw_pictures
from jepa_world_model.model import WorldModel
from jepa_world_model.model_config import Config
from jepa_world_model.training.run_folder import RunFolder, next_free
from jepa_world_model.training.runtime import prepare, resolve
from jepa_world_model.training.summary import describe
from jepa_world_model.training.trainer import Observer, Outcome, Trainer

RUNS = Path("runs")


class RunObserver(Observer, Protocol):
    """Whoever wants to watch a run, from its first moment."""

    def on_decoding(self, done: int, total: int) -> None:
        """Image folders are being decoded."""

    def on_start(self, run: RunFolder, trainer: Trainer) -> None:
        """Training is about to begin."""


def run_training(config: Config, out: Path | None, observer: RunObserver, *, tensorboard: bool = False) -> Outcome:
    """Train as a config says, into `out` or the next free folder of ./runs.

    Raises UserError for bad input, before anything is written where possible; Diverged when training met NaN.
    """
    config = resolve(config)
    runtime = prepare(config.train)
    watcher = _with_tensorboard(observer) if tensorboard else observer
    source = open_config_source(config, observer.on_decoding)
    trainer = Trainer(config, source, runtime)
    run = RunFolder.create(out or next_free(RUNS, source.name), config)
    watcher.on_start(run, trainer)
    outcome = trainer.fit(run, watcher)
    draw_pictures(trainer, run)
    run.write(run.summary, describe(config, trainer, outcome).encode())
    return outcome


def load_run(path: Path, batches: int, config: Config | None = None) -> tuple[Config, WorldModel, list[Batch]]:
    """A run's config, its model with the weights it left, and the first batches that it was trained on.

    Another `config` takes the place of its own. Raises UserError when `path` is no run folder, has no weights, weights
    of another shape, or when its data is gone.
    """
    run, own = RunFolder.open(path)
    config = config or own
    source = open_config_source(config)
    training, _ = split_episodes(source, config.data.validation_fraction, config.data.seed)
    train = config.train
    sampler = WindowSampler(source, training, train.batch_size, train.sequence_length, train.seed)
    model = WorldModel(config.model, source.spec)
    run.load_weights(model, "" if config is own else "the config that was given")
    return config, model, [sampler.batch(step) for step in range(batches)]


def open_config_source(config: Config, on_decoding: Callable[[int, int], None] | None = None) -> EpisodeSource:
    """The data that a config names."""
    data = config.data
    return open_source(
        data.source,
        image_size=config.model.image_size,
        episodes=data.episodes,
        episode_length=data.episode_length,
        seed=data.seed,
        action_kind=data.action_kind,
        on_progress=on_decoding,
    )


def _with_tensorboard(observer: RunObserver) -> RunObserver:
    from jepa_world_model.training.tensorboard import TensorBoard

    return TensorBoard(observer)
