"""A whole run: data, trainer, run folder, pictures and summary; resumed, or loaded from its folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from signal import SIGINT

from jepa_world_model import processes
from jepa_world_model.data import EMBEDDED, EpisodeSource, open_source, split_episodes
from jepa_world_model.data.inspection import inspect_data
from jepa_world_model.data.proprioception import WithProprioception
from jepa_world_model.data.windows import Batch, WindowSampler
from jepa_world_model.errors import UserError
from jepa_world_model.model import WorldModel
from jepa_world_model.model_config import Config
from jepa_world_model.model_memory import check_training_memory
from jepa_world_model.pictures.run_pictures import draw_pictures
from jepa_world_model.runs.metrics import VALIDATION, rare_rows
from jepa_world_model.training.checkpoints import Checkpoint
from jepa_world_model.training.lost_checkpoints import check_checkpoints
from jepa_world_model.training.observer import Observer, Observers
from jepa_world_model.training.outcome import Outcome
from jepa_world_model.training.reports import told
from jepa_world_model.training.run_folder import RunFolder
from jepa_world_model.training.run_lock import InUse, new_folder
from jepa_world_model.training.runtime import prepare, resolve
from jepa_world_model.training.session import Session
from jepa_world_model.training.state import restore
from jepa_world_model.training.status import StatusFile, read_status
from jepa_world_model.training.summary import describe
from jepa_world_model.training.trainer import Trainer
from jepa_world_model.training.validation import Validation

RUNS = Path("runs")


def run_training(config: Config, out: Path | None, observer: Observer) -> Outcome:
    """Train as a config says, into `out` or the next free folder of ./runs.

    Raises UserError for bad input, before anything is written where possible; Diverged when a loss became
    NaN; StopTraining from an observer.
    """
    config = resolve(config)
    check_training_memory(config)
    with processes.joined(config.train.device):
        source = open_config_source(config, observer.on_decoding)
        _look_at(source, config, observer)
        trainer = Trainer(config, source, prepare(config.train), initial_weights(config))
        with _begun(out, source.name, config) if processes.is_first() else nullcontext() as own:
            path = processes.from_first(own.path if own else RUNS)  # the others wait until there is a folder
            return _carried_out(Session(trainer, own or RunFolder(path), observer))


def _look_at(source: EpisodeSource, config: Config, observer: Observer) -> None:
    """Warn of what is wrong with data of the user. Raises UserError for what no training can go on with, and for
    everything where the config is strict."""
    if config.data.source in EMBEDDED:
        return
    split = split_episodes(source, config.data.validation_fraction, config.data.seed)
    found = inspect_data(source, *split, normalised=config.data.normalise_actions)
    if found and config.data.strict:
        raise UserError(f"{config.data.source}: data.strict refuses it:\n  " + "\n  ".join(found))
    for remark in found:
        observer.on_warning(remark)


def initial_weights(config: Config) -> Callable[[WorldModel], None] | None:
    """What gives a model the weights of another run; None for weights of its own."""
    if not config.train.init:
        return None
    run, _ = RunFolder.open(Path(config.train.init))
    return lambda model: run.load_weights(model, "the new config")


@contextmanager
def _begun(out: Path | None, name: str, config: Config) -> Iterator[RunFolder]:
    """A new run in `out`, or in a folder of ./runs that nobody else gets."""
    with ExitStack() as stack:
        run = None
        while run is None:
            try:
                run = stack.enter_context(RunFolder.begun(out or new_folder(RUNS, name), config))
            except InUse:
                if out:
                    raise
        yield run


def resume_training(path: Path, observer: Observer) -> Outcome:
    """Resume the run in a folder from its newest checkpoint. The result is the same as without the stop.

    Raises UserError when `path` is no run folder, is in use, or its checkpoint does not fit; Diverged and StopTraining
    as `run_training` does.
    """
    run, config = RunFolder.open(path)
    config = resolve(config)
    check_training_memory(config)
    if run.predates_checkpoints():
        raise UserError(f"{path} was trained by a version that kept no checkpoints, and cannot go on")
    with processes.joined(config.train.device), run.held() if processes.is_first() else nullcontext():
        if processes.is_first():
            check_checkpoints(run, config.train)
        source = open_config_source(config, observer.on_decoding)
        found = run.checkpoints.newest(observer.on_warning) if processes.is_first() else None
        checkpoint = processes.from_first(found)
        trainer = Trainer(config, source, prepare(config.train), None if checkpoint else initial_weights(config))
        if checkpoint:
            for warning in restore(trainer, checkpoint, f"{run.checkpoints.folder}, step {checkpoint.facts['step']}"):
                observer.on_warning(warning)
        outcome = _rewound(run, checkpoint, observer) if processes.is_first() else Outcome()
        return _carried_out(Session(trainer, run, observer, outcome))


def _rewound(run: RunFolder, checkpoint: Checkpoint | None, observer: Observer) -> Outcome:
    """The run folder as it was at a checkpoint, and the outcome until then."""
    facts = checkpoint.facts if checkpoint else {"metrics_bytes": 0, "best": None, "told": [], "alarms": []}
    run.clear_left_overs()
    if not run.rewind_metrics(facts["metrics_bytes"]):
        observer.on_warning(f"{run.metrics} is shorter than at the checkpoint: some rows before it are lost")
    validations = [row for row in rare_rows(run.metrics) if row["split"] == VALIDATION]
    return Outcome(
        validations={row["step"]: Validation(row["step"], row["losses"], row["vitals"]) for row in validations},
        alarms=facts["alarms"],
        reported=facts["told"],
        best=tuple(facts["best"]) if facts["best"] else None,
        seconds=read_status(run).get("seconds", 0.0),
    )


def _carried_out(session: Session) -> Outcome:
    status = StatusFile()
    session.observer = Observers(status, session.observer) if processes.is_first() else session.observer
    session.observer.on_start(session.run, session.trainer)
    with _failure_noted(status):
        outcome = session.fit()
        if processes.is_first():
            _reported(session, outcome)
        session.observer.on_end(outcome)
    return outcome


def _reported(session: Session, outcome: Outcome) -> None:
    """Pictures and summary. The run has trained: whatever goes wrong here is a warning."""
    run, observer = session.run, session.observer
    if outcome.signal in (None, SIGINT):
        with told(observer, "the pictures are incomplete"):
            observer.on_pictures(outcome.steps, draw_pictures(session.trainer, run))
    with told(observer, "there is no summary"):
        run.write(run.summary, describe(session.trainer, outcome).encode())


@contextmanager
def _failure_noted(status: StatusFile) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        if processes.is_first():
            status.interrupted()
        raise
    except BaseException as error:
        if processes.is_first():
            status.failed(str(error) or type(error).__name__)
        raise


def load_run(path: Path, batches: int, config: Config | None = None) -> tuple[Config, WorldModel, list[Batch]]:
    """A run's config, its model with the weights it left, and the first batches that it was trained on.

    Another `config` takes the place of its own. Raises UserError when `path` is no run folder, has no weights, weights
    of another shape, or when its data is gone.
    """
    run, own = RunFolder.open(path)
    config = config or own
    if batches:
        check_training_memory(config)
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
    source = open_source(
        data.source,
        image_size=config.model.image_size,
        episodes=data.episodes,
        episode_length=data.episode_length,
        seed=data.seed,
        action_kind=data.action_kind,
        cameras=data.cameras,
        fit=data.fit,
        on_progress=on_decoding,
    )
    return with_chosen_proprioception(source, config)


def with_chosen_proprioception(source: EpisodeSource, config: Config) -> EpisodeSource:
    """A source whose episodes have what a config chose to show to the model."""
    names = config.data.proprioception
    return WithProprioception(source, names) if names else source
