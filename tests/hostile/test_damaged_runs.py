"""Whatever a run folder holds, `jepa runs` lists the others and `--resume` goes on or says why not."""

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import chdir
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jepa_world_model.config_file import load_config
from jepa_world_model.run import run_training
from tests.conftest import SMALL
from tests.hostile.drive import complaints
from tests.hostile.inputs import DEEP, DIGITS, ESCAPES, MORE_DIGITS
from tests.training.runs import SignalAt

CONTENTS = (
    b"",
    b"[1]",
    b"null",
    b"{}",
    b"\xff\xfe\0",
    DEEP.encode() * 40,
    MORE_DIGITS.encode(),
    ESCAPES.encode(),
    b"\n" * 9,
)
VALUES = (
    None,
    True,
    -1,
    1e999,
    float("nan"),
    "text",
    ESCAPES,
    [],
    [1],
    {},
    {"a": []},
    int(DIGITS),
    "9999-12-31T23:59:59",
)
Mutation = Callable[[Path], object]
quietly = settings(
    deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A run that was stopped, with a file of each kind."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("jepa_world_model.run.draw_pictures", lambda trainer, run: [])
        patched.setattr("jepa_cli.runs.compare._draw", lambda comparison, out: None)
        patched.setenv("COLUMNS", "80")
        run = tmp_path_factory.mktemp("good") / "run"
        config = load_config(None, [*SMALL, "train.checkpoint_every_steps=2", "alarms.h_norm_below=5"])
        run_training(config, run, SignalAt(3))
        (run / "loggers.json").write_text('{"wandb": "abc"}')
        with chdir(run.parent):
            evaluation = ["eval", "run", "--episodes", "4", "--tasks", "1", "--planners", "random"]
            assert complaints(evaluation, ["run"], expected=0) == []
        yield run


def replaced(content: bytes) -> Mutation:
    return lambda file: file.write_bytes(content)


def cut(share: float) -> Mutation:
    return lambda file: os.truncate(file, int(share * file.stat().st_size))


def garbled(share: float, what: bytes) -> Mutation:
    def garble(file: Path) -> None:
        content = file.read_bytes()
        place = int(share * len(content))
        file.write_bytes(content[:place] + what + content[place + len(what) :])

    return garble


def with_value(number: int, value: Any) -> Mutation:
    """One of the values in the last object of a JSON file, on any level; of another file, the end."""

    def change(file: Path) -> None:
        *before, last = file.read_bytes().splitlines(keepends=True) if file.suffix == ".jsonl" else [file.read_bytes()]
        try:
            told = json.loads(last)
        except ValueError:
            told = {}
        places = [*_places(told), (told, "split"), (told, "losses")]
        inside, key = places[number % len(places)]
        inside[key] = value
        file.write_bytes(b"".join(before) + json.dumps(told).encode() + b"\n")

    return change


def _places(told: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    for key, value in told.items():
        yield told, key
        if isinstance(value, dict):
            yield from _places(value)


def instead(make: Callable[[Path], object]) -> Mutation:
    def change(file: Path) -> None:
        file.unlink()
        make(file)

    return change


SPECIAL = (os.mkfifo, Path.mkdir, lambda file: file.symlink_to(file.name), lambda file: file.symlink_to("/dev/zero"))
MUTATIONS = st.one_of(
    st.sampled_from(CONTENTS).map(replaced),
    st.floats(0, 1, exclude_max=True).map(cut),
    st.builds(garbled, st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=8)),
    st.builds(with_value, st.integers(0, 200), st.sampled_from(VALUES)),
    st.sampled_from([Path.unlink]),
    st.sampled_from(SPECIAL).map(instead),
)


def files(run: Path) -> list[str]:
    return sorted(str(file.relative_to(run)) for file in run.rglob("*") if file.is_file())


def damaged(good: Path, folder: Path, data: st.DataObject) -> Path:
    run = shutil.copytree(good, folder / "run")
    data.draw(MUTATIONS)(run / data.draw(st.sampled_from(files(good))))
    return run


@given(data=st.data())
@settings(quietly, max_examples=80)
def test_a_damaged_run_is_listed_among_the_others(good: Path, data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        damaged(good, Path(), data)
        shutil.copytree(good, "other")
        format = data.draw(st.sampled_from(["rich", "json", "csv"]))
        assert complaints(["runs", "list", ".", "--format", format], expected=0) == []


@given(data=st.data())
@settings(quietly, max_examples=30)
def test_a_damaged_run_is_compared(good: Path, data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        damaged(good, Path(), data)
        shutil.copytree(good, "other")
        format = data.draw(st.sampled_from(["rich", "json"]))
        assert complaints(["runs", "compare", "run", "other", "--format", format]) == []


@pytest.mark.parametrize("content", CONTENTS)
@pytest.mark.parametrize("format", ["rich", "json"])
def test_a_damaged_evaluation_is_told(format: str, content: bytes, good: Path, tmp_path: Path) -> None:
    with chdir(tmp_path):
        for name in ("run", "other"):
            shutil.copytree(good, name)
        Path("run/evaluation.json").write_bytes(content)
        assert complaints(["runs", "compare", "run", "other", "--format", format], expected=0) == []


@pytest.mark.parametrize("make", range(len(SPECIAL)))
def test_an_evaluation_that_is_no_file_is_told(make: int, good: Path, tmp_path: Path) -> None:
    with chdir(tmp_path):
        for name in ("run", "other"):
            shutil.copytree(good, name)
        instead(SPECIAL[make])(Path("run/evaluation.json"))
        assert complaints(["runs", "compare", "run", "other"], expected=0) == []


@given(data=st.data())
@settings(quietly, max_examples=20)
def test_a_damaged_run_goes_on_or_says_why_not(good: Path, data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        damaged(good, Path(), data)
        assert complaints(["train", "--resume", "run"], ["run"]) == []


@pytest.mark.parametrize(
    "command", [["eval", "run"], ["plan", "run"], ["check-weights", "--no-measure", "--baseline", "run"]]
)
def test_weights_or_a_config_that_cannot_be_read_are_named(command: list[str], good: Path, tmp_path: Path) -> None:
    for content in CONTENTS:
        for name in ("weights.safetensors", "config.toml"):
            with chdir(tmp_path):
                shutil.copytree(good, "run")
                Path("run", name).write_bytes(content)
                expected = None if name == "weights.safetensors" and command[0] == "check-weights" else 2
                if content.strip() or name == "weights.safetensors":
                    assert complaints(command, expected=expected) == [], (name, content[:20])
                shutil.rmtree("run")
