"""Runs that are logged: what each service was told, read back from where it keeps it; and services that fail."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from fnmatch import fnmatch
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from jepa_cli.app import app
from jepa_world_model import processes
from jepa_world_model import run as run_module
from jepa_world_model.config_file import load_config
from jepa_world_model.errors import UserError
from jepa_world_model.model_config import Config
from jepa_world_model.run import resume_training, run_training
from jepa_world_model.training.loggers.logger import End, Logger
from jepa_world_model.training.loggers.registry import LOGGERS, loggers_named
from jepa_world_model.training.observer import Observer, Observers, StopTraining
from jepa_world_model.training.run_folder import RunFolder
from jepa_world_model.training.trainer import Trainer
from tests.conftest import SMALL
from tests.docs.pages import ROOT, blocks
from tests.training.runs import SignalAt, digests, in_child

STEPS = 7
SETTINGS = (
    *SMALL,
    f"train.steps={STEPS}",
    "train.validate_every=3",
    "train.checkpoint_every_steps=4",
    "train.log_every=1",
    "alarms.z_effective_rank_below=1000",
)
ALL = tuple(LOGGERS)
PAGE = ROOT / "docs" / "logging.md"
WAITS, WAIT_SECONDS = 200, 0.05

Numbers = list[tuple[str, int, float]]
"""Names, steps and values."""


# what was logged, read back --------------------------------------------------------------------------------------


def from_metrics(run: Path) -> Numbers:
    """What all services must have, from the run's own file."""
    found = []
    for row in RunFolder(run).read_metrics():
        if row["split"] == "train":
            values = {f"train/{name}": value for name, value in row["losses"].items()}
            values |= {f"train/{name}": row[name] for name in ("total", "gradient_norm")}
        else:
            values = {f"validation/{name}": value for name, value in row.get("losses", {}).items()}
            values |= {f"vitals/{name}": value for name, value in row.get("vitals", {}).items()}
        found += [(name, row["step"], value) for name, value in values.items()]
    return found


def tensorboard_of(run: Path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(run / "tensorboard"), size_guidance={"scalars": 0, "images": 0, "tensors": 0})
    return events.Reload()


def from_tensorboard(run: Path) -> Numbers:
    events = tensorboard_of(run)
    return [(name, event.step, event.value) for name in events.Tags()["scalars"] for event in events.Scalars(name)]


def mlflow_of(run: Path, status: str = ""):
    """A client, and the only run (that stands so) in the store beside a run folder."""
    pytest.importorskip("mlflow")
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{run.parent / 'mlflow.db'}")
    (experiment,) = [found for found in client.search_experiments() if found.name == "jepa"]
    (only,) = client.search_runs([experiment.experiment_id], f"attributes.status = '{status}'" if status else "")
    return client, only


def from_mlflow(run: Path, status: str = "") -> Numbers:
    client, logged = mlflow_of(run, status)
    histories = {name: client.get_metric_history(logged.info.run_id, name) for name in logged.data.metrics}
    return [(name, metric.step, metric.value) for name, history in histories.items() for metric in history]


def wandb_records(run: Path) -> list:
    """The records of all sittings that were kept offline: LevelDB's log format, a protocol buffer in each.

    W&B writes in a process of its own, which may still be at it when a run is over: the last record says that it ended.
    """
    pytest.importorskip("wandb")
    from wandb.proto.wandb_internal_pb2 import Record

    files = sorted(run.glob("wandb/offline-run-*/*.wandb"))
    for _ in range(WAITS):
        sittings = [[Record.FromString(whole) for whole in _log(file)] for file in files]
        if all(any(record.HasField("exit") for record in sitting) for sitting in sittings):
            return [record for sitting in sittings for record in sitting]
        time.sleep(WAIT_SECONDS)
    raise AssertionError("a sitting has no end")


def _log(file: Path) -> Iterator[bytes]:
    block, header, last = 1 << 15, 7, (1, 4)
    content, at, whole = file.read_bytes(), header, b""
    while at + header <= len(content):
        if block - at % block < header:
            at += block - at % block
        size, kind = int.from_bytes(content[at + 4 : at + 6], "little"), content[at + 6]
        if at + header + size > len(content):
            return  # still being written
        whole += content[at + header : at + header + size]
        at += header + size
        if kind in last:
            yield whole
            whole = b""


def from_wandb(run: Path) -> Numbers:
    rows = [record.history for record in wandb_records(run) if record.WhichOneof("record_type") == "history"]
    items = [(item.nested_key, row.step.num, item.value_json) for row in rows for item in row.item]
    return [(key[0], step, json.loads(value)) for key, step, value in items if len(key) == 1 and key[0][0] != "_"]


READ = {"tensorboard": from_tensorboard, "wandb": from_wandb, "mlflow": from_mlflow}


def told_once(logged: Numbers, run: Path) -> None:
    """Each number of the run's own file was logged, once, and nothing else."""
    twice = [key for key, count in Counter((name, step) for name, step, _ in logged).items() if count > 1]
    assert twice == []
    expected = {(name, step): value for name, step, value in from_metrics(run)}
    assert {(name, step): value for name, step, value in logged} == pytest.approx(expected, rel=1e-6)


# runs ------------------------------------------------------------------------------------------------------------


def offline(patched: pytest.MonkeyPatch) -> None:
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "WANDB_PROJECT"):
        patched.delenv(name, raising=False)
    patched.setenv("WANDB_MODE", "offline")
    patched.setenv("WANDB_SILENT", "true")


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    offline(monkeypatch)


@pytest.fixture
def config() -> Config:
    return load_config(None, SETTINGS)


def one_picture(trainer: Trainer, run: RunFolder) -> list[Path]:
    """Quickly drawn."""
    picture = run.pictures / "losses.png"
    picture.parent.mkdir(exist_ok=True)
    Image.new("RGB", (2, 2)).save(picture)
    return [picture]


@pytest.fixture(autouse=True)
def _quick_pictures(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "everywhere" not in request.fixturenames:
        monkeypatch.setattr(run_module, "draw_pictures", one_picture)


class Recorder(Logger):
    """A service that keeps all that it is told."""

    name = "recorder"

    def __init__(self, warn: Callable[[str], object] = pytest.fail) -> None:
        super().__init__(warn)
        self.told: Numbers = []
        self.words: dict[str, str] = {}
        self.files: dict[str, Path] = {}
        self.opened: list[int] = []
        self.ended: list[End] = []

    def open(self, run: RunFolder, config: Config, step: int) -> None:
        self.opened.append(step)

    def numbers(self, step: int, values: Mapping[str, float]) -> None:
        self.told += [(name, step, value) for name, value in values.items()]

    def text(self, step: int, name: str, text: str) -> None:
        self.words[name] = text

    def pictures(self, step: int, pictures: Mapping[str, Path]) -> None:
        self.files |= pictures

    def close(self, end: End) -> None:
        self.ended.append(end)


def train(config: Config, run: Path, *observers: Observer) -> None:
    """Begin a run, or go on with it; loggers are closed whatever happens."""
    with ExitStack() as stack:
        for each in observers:
            if isinstance(each, Logger):
                stack.enter_context(each)
        if RunFolder(run).config.exists():
            resume_training(run, Observers(*observers))
        else:
            run_training(config, run, Observers(*observers))


def installed(*names: str) -> list[Logger]:
    """Loggers that may not warn of anything."""
    for name in names:
        pytest.importorskip(name)
    return loggers_named(names, pytest.fail)


@pytest.fixture(scope="module")
def everywhere(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Recorder]:
    """One run that all services were told of, and a recorder."""
    run, recorder = tmp_path_factory.mktemp("runs") / "run", Recorder()
    with pytest.MonkeyPatch.context() as patched:
        offline(patched)
        patched.chdir(tmp_path_factory.mktemp("elsewhere"))
        train(load_config(None, SETTINGS), run, recorder, *installed(*ALL))
        assert list(Path.cwd().iterdir()) == [], "something was written into the current folder"
    return run, recorder


# what is logged --------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("service", [*ALL, "recorder"])
def test_every_service_has_every_number_under_the_same_name(service: str, everywhere: tuple[Path, Recorder]) -> None:
    run, recorder = everywhere
    told_once(recorder.told if service == "recorder" else READ[service](run), run)


def test_names_are_the_documented_ones(everywhere: tuple[Path, Recorder]) -> None:
    _, recorder = everywhere
    names = {name for name, _, _ in recorder.told}
    assert {"train/jepa", "train/total", "train/gradient_norm", "validation/jepa", "vitals/z_spread"} < names
    assert list(recorder.words) == ["alarm/z_effective_rank_below"]
    assert recorder.files.keys() == {"pictures/imagination", "pictures/losses", "pictures/reconstructions"}
    assert recorder.opened == [0]
    assert recorder.ended == [End.FINISHED]


def test_config_alarm_and_pictures_are_in_tensorboard(everywhere: tuple[Path, Recorder]) -> None:
    run, recorder = everywhere
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    events = tensorboard_of(run)
    content = events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    values = HParamsPluginData.FromString(content).session_start_info.hparams
    assert values["train.steps"].number_value == STEPS
    assert values["data.source"].string_value == "grid-rooms"
    assert values["model.encoder_widths"].string_value == "[4, 8]"
    assert set(events.Tags()["images"]) == recorder.files.keys()
    (told,) = events.Tensors("alarm/z_effective_rank_below/text_summary")
    assert told.tensor_proto.string_val[0].decode() in recorder.words.values()


def test_config_alarm_pictures_and_the_end_are_in_mlflow(everywhere: tuple[Path, Recorder]) -> None:
    run, recorder = everywhere
    client, logged = mlflow_of(run)
    assert logged.info.run_name == "run"
    assert logged.info.status == "FINISHED"
    params = logged.data.params
    assert (params["train.steps"], params["data.source"]) == (str(STEPS), "grid-rooms")
    assert params["model.encoder_widths"] == "[4, 8]"
    assert recorder.words.items() <= logged.data.tags.items()
    pictures = {
        Path(file.path).with_suffix("").as_posix() for file in client.list_artifacts(logged.info.run_id, "pictures")
    }
    assert pictures == recorder.files.keys()
    assert list(run.parent.glob("mlartifacts/jepa/*/artifacts/pictures/losses.png"))


def test_config_alarm_pictures_and_the_end_are_with_wandb(everywhere: tuple[Path, Recorder]) -> None:
    run, recorder = everywhere
    records = {record.WhichOneof("record_type"): record for record in wandb_records(run)}
    begun = records["run"].run
    assert (begun.project, begun.display_name) == ("jepa", "run")
    config = {item.key: json.loads(item.value_json) for item in begun.config.update}
    assert config["train"]["steps"] == STEPS
    assert config["model"]["encoder_widths"] == [4, 8]
    (told,) = recorder.words.items()
    assert (records["alert"].alert.title, records["alert"].alert.text) == told
    pictures = {file.stem.split("_")[0] for file in run.glob("wandb/offline-run-*/files/media/images/pictures/*.png")}
    assert {f"pictures/{name}" for name in pictures} == recorder.files.keys()
    assert records["exit"].exit.exit_code == 0


@pytest.mark.slow
def test_logging_changes_no_other_file(everywhere: tuple[Path, Recorder], config: Config, tmp_path: Path) -> None:
    train(config, tmp_path / "quiet")
    own = {name: digest for name, digest in digests(everywhere[0]).items() if name.split("/")[0] not in ALL}
    assert own.pop("loggers.json")
    assert own == digests(tmp_path / "quiet")


def test_the_page_names_what_is_logged(everywhere: tuple[Path, Recorder]) -> None:
    _, recorder = everywhere
    names = {name for name, _, _ in recorder.told} | recorder.words.keys() | recorder.files.keys()
    rows = [line.split("|")[1] for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    patterns = [
        name.strip().strip("`").replace("<loss>", "*").replace("<name>", "*") for name in ",".join(rows).split(",")
    ]
    assert {name for name in names if not any(fnmatch(name, pattern) for pattern in patterns)} == set()
    groups = {pattern for pattern in patterns if "/" in pattern}
    assert {pattern for pattern in groups if not any(fnmatch(name, pattern) for name in names)} == set()


def test_the_logger_of_the_page_works(config: Config, tmp_path: Path) -> None:
    (block,) = [block for block in blocks(PAGE) if block.language == "python"]
    names: dict = {"__name__": "page"}
    exec(compile(block.text, str(block), "exec"), names)
    with names["Csv"](pytest.fail) as numbers:
        run_training(config, tmp_path / "run", numbers)
    rows = (line.split(",") for line in (tmp_path / "run" / "numbers.csv").read_text().splitlines())
    told_once([(name, int(step), float(value)) for step, name, value in rows], tmp_path / "run")


# runs that go on -------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("service", ALL)
def test_a_run_that_was_stopped_goes_on_where_it_was_logged(service: str, config: Config, tmp_path: Path) -> None:
    run = tmp_path / "run"
    train(config, run, SignalAt(5), *installed(service))
    train(config, run, *installed(service))
    told_once(READ[service](run), run)


@pytest.mark.slow
def test_steps_that_a_killed_run_repeats_are_logged_once(config: Config, tmp_path: Path) -> None:
    run, services = tmp_path / "run", ("tensorboard", "mlflow")
    killed = in_child(lambda: train(config, run, SignalAt(6, signal.SIGKILL), *installed(*services)))
    assert killed == -signal.SIGKILL
    assert max(RunFolder(run).checkpoints.steps()) == 4
    for service in services:
        assert max(step for _, step, _ in READ[service](run)) == 6, "beyond the checkpoint"
    train(config, run, *installed(*services))
    for service in services:
        told_once(READ[service](run), run)


@pytest.mark.slow
def test_mlflow_and_who_stops_a_run_by_an_exception(config: Config, tmp_path: Path) -> None:
    class Stops(Observer):
        def on_step(self, trainer: Trainer) -> None:
            raise StopTraining

    with pytest.raises(StopTraining):
        train(config, tmp_path / "run", Stops(), *installed("mlflow"))
    assert mlflow_of(tmp_path / "run")[1].info.status == "FAILED"


@pytest.mark.slow
def test_mlflow_knows_one_run_and_how_it_stands(config: Config, tmp_path: Path) -> None:
    run = tmp_path / "run"
    train(config, run, SignalAt(5), *installed("mlflow"))
    _, stopped = mlflow_of(run)
    seen = []

    class Looks(Observer):
        def on_step(self, trainer: Trainer) -> None:
            seen.append(mlflow_of(run)[1].info.status)

    train(config, run, SignalAt(6), *installed("mlflow"))
    train(config, run, Looks(), *installed("mlflow"))
    _, ended = mlflow_of(run)
    assert stopped.info.run_id == ended.info.run_id
    assert [stopped.info.status, *seen, ended.info.status] == ["KILLED", "RUNNING", "FINISHED"]


def test_wandb_knows_one_run_and_how_it_stands(config: Config, tmp_path: Path) -> None:
    run = tmp_path / "run"
    train(config, run, SignalAt(5), *installed("wandb"))
    train(config, run, *installed("wandb"))
    records = wandb_records(run)
    assert len(list(run.glob("wandb/offline-run-*"))) == 2
    assert {record.run.run_id for record in records if record.WhichOneof("record_type") == "run"} == {
        json.loads((run / "loggers.json").read_text())["wandb"]
    }
    ends = [record.exit.exit_code for record in records if record.WhichOneof("record_type") == "exit"]
    assert ends == [1, 0]
    assert [record for record in records if record.WhichOneof("record_type") == "preempting"]


def test_a_server_of_wandb_is_not_told_what_it_has(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if online: it has six steps, the newest checkpoint is of the fourth."""
    steps, begun = [], []

    def init(**how: object) -> SimpleNamespace:
        begun.append({key: how[key] for key in ("id", "resume", "mode", "dir")})
        return SimpleNamespace(
            id="abc",
            starting_step=7 if how["id"] else 0,
            log=lambda values, step: steps.append(step),
            alert=lambda *_: None,
            finish=lambda exit_code: None,
            mark_preempting=lambda: None,
        )

    online = SimpleNamespace(settings=SimpleNamespace(mode="online", finish_timeout=0))
    fake = {"init": init, "login": lambda **_: True, "setup": lambda: online, "Settings": dict, "Image": str}
    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(**fake))
    run = tmp_path / "run"
    train(config, run, SignalAt(4), *installed("wandb"))
    steps.clear()
    train(config, run, *installed("wandb"))
    assert set(steps) == {7}
    assert begun == [
        {"id": None, "resume": None, "mode": None, "dir": run},
        {"id": "abc", "resume": "allow", "mode": None, "dir": run},
    ]


@pytest.mark.slow
def test_a_run_that_mlflow_has_lost_is_logged_as_a_new_one(config: Config, tmp_path: Path) -> None:
    run = tmp_path / "run"
    train(config, run, SignalAt(5), *installed("mlflow"))
    (run / "loggers.json").write_text(json.dumps({"mlflow": "0" * 32}))
    train(config, run, *installed("mlflow"))
    assert {step for name, step, _ in from_mlflow(run, "FINISHED") if name == "train/total"} == {6, 7}


@pytest.mark.slow
def test_runs_beside_each_other_share_a_store(config: Config, tmp_path: Path) -> None:
    for name in ("a", "b"):
        train(load_config(None, [*SETTINGS, "train.steps=1"]), tmp_path / name, *installed("mlflow"))
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("jepa")
    assert {run.info.run_name for run in client.search_runs([experiment.experiment_id])} == {"a", "b"}


# services that fail ----------------------------------------------------------------------------------------------


class Failing(Recorder):
    """Fails at one thing, in one way."""

    name = "failing"

    def __init__(self, at: str, how: BaseException, warn: Callable[[str], object]) -> None:
        super().__init__(warn)
        self.tries = 0

        def fail(*_: object) -> None:
            self.tries += 1
            raise how

        setattr(self, at, fail)


FULL, TWO_LINES = OSError("no space left on device"), RuntimeError("first\nsecond")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("at", "how"),
    [
        ("open", FULL),
        ("open", TWO_LINES),
        ("numbers", FULL),
        ("numbers", KeyError()),
        ("text", FULL),
        ("pictures", FULL),
        ("flush", TWO_LINES),
        ("close", FULL),
    ],
    ids=repr,
)
def test_a_service_that_fails_is_left_out_and_the_run_goes_on(
    at: str, how: Exception, config: Config, tmp_path: Path
) -> None:
    warnings: list[str] = []
    failing, beside = Failing(at, how, warnings.append), Recorder()
    train(config, tmp_path / "run", failing, beside)
    assert failing.tries == 1
    (warning,) = warnings
    assert warning.startswith(f"failing is left out from here on: {type(how).__name__}")
    assert "second" not in warning
    told_once(beside.told, tmp_path / "run")
    assert beside.ended == [End.FINISHED]


def test_a_failure_is_a_python_warning_where_nobody_listens(config: Config, tmp_path: Path) -> None:
    class Broken(Logger):
        name = "broken"

        def numbers(self, step: int, values: Mapping[str, float]) -> None:
            raise OSError("gone")

    with pytest.warns(UserWarning, match="broken is left out from here on: OSError: gone"):
        train(config, tmp_path / "run", Broken())


@pytest.mark.parametrize("how", [StopTraining("enough"), KeyboardInterrupt()], ids=repr)
def test_who_asks_to_end_the_run_is_heard(how: BaseException, config: Config, tmp_path: Path) -> None:
    beside = Recorder()
    with pytest.raises(type(how)):
        train(config, tmp_path / "run", beside, Failing("numbers", how, pytest.fail))
    assert beside.ended == [End.FAILED]


def test_a_service_that_draws_random_numbers_changes_no_byte(config: Config, tmp_path: Path) -> None:
    class Drawing(Logger):
        def numbers(self, step: int, values: Mapping[str, float]) -> None:
            self.drawn = random.random(), np.random.rand(), torch.rand(1)

    train(config, tmp_path / "drawn", drawing := Drawing())
    train(config, tmp_path / "quiet")
    assert drawing.drawn
    assert digests(tmp_path / "drawn") == digests(tmp_path / "quiet")


@pytest.mark.slow
def test_a_database_that_breaks_ends_no_run(config: Config, tmp_path: Path) -> None:
    pytest.importorskip("mlflow")

    class Breaks(Observer):
        def on_step(self, trainer: Trainer) -> None:
            if trainer.done == 4:
                (tmp_path / "mlflow.db").write_bytes(b"junk" * 5000)

    warnings: list[str] = []
    train(config, tmp_path / "run", Breaks(), *loggers_named(["mlflow"], warnings.append))
    assert RunFolder(tmp_path / "run").summary.exists()
    (warning,) = warnings
    assert warning.startswith("mlflow is left out from here on")


def test_a_server_that_does_not_answer_ends_no_run(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    warnings: list[str] = []
    train(config, tmp_path / "run", *loggers_named(["mlflow"], warnings.append))
    assert RunFolder(tmp_path / "run").summary.exists()
    assert len(warnings) == 1
    assert not (tmp_path / "mlflow.db").exists(), "the environment names the store"


def test_other_processes_than_the_first_log_nothing(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Recorder()
    trainer = type("Trainer", (), {"config": config, "done": 0})
    monkeypatch.setattr(processes, "is_first", lambda: False)
    recorder.on_start(RunFolder(tmp_path), trainer)
    assert recorder.opened == []
    monkeypatch.undo()
    recorder.on_start(RunFolder(tmp_path), trainer)
    assert recorder.opened == [0]


# the command line ------------------------------------------------------------------------------------------------


def complaint(*arguments: str, out: Path) -> str:
    settings = [part for setting in SMALL for part in ("--set", setting)]
    result = CliRunner().invoke(app, ["train", *settings, "--out", str(out), *arguments])
    assert result.exit_code == 2, result.output
    assert not out.exists(), "something was written"
    return result.stderr


def test_an_unknown_service_is_one_message_with_the_nearest_one(tmp_path: Path) -> None:
    text = complaint("--log", "tensorbord", out=tmp_path / "run")
    assert text.count("Error:") == 1
    assert "did you mean 'tensorboard'?" in text
    for name in ALL:
        assert name in complaint("--log", "paper", out=tmp_path / "run")


@pytest.mark.parametrize(
    ("service", "package"),
    [("tensorboard", "tensorboard"), ("wandb", "wandb"), ("mlflow", "mlflow.tracking"), ("mlflow", "sqlalchemy")],
)
def test_a_package_that_is_not_installed_is_one_message_with_the_command(
    service: str, package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    text = complaint("--log", service, out=tmp_path / "run")
    assert text.count("Error:") == 1
    assert f"in the folder of this project: pip install '.[{service}]'" in text


def test_a_server_needs_no_database_here(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mlflow")
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    with pytest.raises(UserError, match="sqlalchemy"):
        loggers_named(["mlflow"])
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    assert loggers_named(["mlflow"])


def test_a_service_that_is_named_twice_is_told_once() -> None:
    assert [logger.name for logger in installed("tensorboard", "tensorboard")] == ["tensorboard"]


def test_torchrun_passes_the_option_on_as_the_page_writes_it() -> None:
    from torch.distributed.run import get_args_parser

    (line,) = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("torchrun ")]
    _, *words = line.split()
    read = get_args_parser().parse_args(words)
    assert (read.training_script, read.training_script_args) == ("jepa_cli", ["train", "--log", "mlflow"])
    words.remove("--")
    with pytest.raises(SystemExit):
        get_args_parser().parse_args(words)


def loaded_by(*arguments: str) -> set[str]:
    """Which of the services' packages a fresh interpreter has loaded after a command."""
    code = f"""
import sys
from typer.testing import CliRunner
from jepa_cli.app import app
CliRunner().invoke(app, {list(arguments)!r})
print(*(name for name in {ALL!r} if name in sys.modules))"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(run.stdout.splitlines()[-1].split())


def test_help_names_every_service_and_loads_none() -> None:
    shown = CliRunner().invoke(app, ["train", "--help"], env={"COLUMNS": "200"}).output
    for name in ALL:
        assert name in shown
    assert loaded_by("train", "--help") == set()


@pytest.mark.slow
def test_the_check_of_what_is_loaded_can_fail(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    assert "tensorboard" in loaded_by("train", "--log", "tensorboard", "--data", "no-such", "--out", str(tmp_path))


@pytest.mark.slow
def test_where_nobody_is_logged_in_wandb_stays_offline_and_says_so(tmp_path: Path) -> None:
    pytest.importorskip("wandb")
    private = {"HOME": str(tmp_path), "NETRC": str(tmp_path / "netrc"), "WANDB_CONFIG_DIR": str(tmp_path / "config")}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")} | private
    settings = [part for setting in (*SMALL, "train.steps=1") for part in ("--set", setting)]
    command = [sys.executable, "-m", "jepa_cli", "train", *settings, "--out", tmp_path / "run", "--log", "wandb"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout
    assert "not logged in" in shown
    assert "left out" not in shown
    told_once(from_wandb(tmp_path / "run"), tmp_path / "run")
