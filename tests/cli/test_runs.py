"""`jepa runs`: what run folders tell, whole or broken, in a list and side by side."""

from __future__ import annotations

import csv
import fcntl
import io
import json
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from jepa_cli.app import app
from jepa_world_model.config_file import load_config
from jepa_world_model.model_config import Config
from jepa_world_model.pictures.run_curves import COLOURS, as_picture, curves
from jepa_world_model.run import run_training
from jepa_world_model.runs import metrics
from jepa_world_model.runs.files import is_held
from jepa_world_model.runs.metrics import POINTS, History, history, newest
from jepa_world_model.runs.record import STALE, run_record
from jepa_world_model.settings import default_settings
from jepa_world_model.training.observer import Observer
from jepa_world_model.training.outcome import Outcome
from jepa_world_model.training.run_folder import RunFolder
from tests.conftest import SMALL, sketched_pictures
from tests.test_architecture import loaded_by

OK, BAD_INPUT = 0, 2
BuildConfig = Callable[..., Config]
Row = dict[str, Any]


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def jepa(*arguments: str | Path) -> Result:
    result = CliRunner().invoke(app, ["runs", *map(str, arguments)])
    assert result.exit_code in (OK, BAD_INPUT), result.output
    return result


def shown(*arguments: str | Path) -> str:
    result = jepa(*arguments)
    assert result.exit_code == OK, result.output
    return result.stdout


def complaint(*arguments: str | Path) -> str:
    result = jepa(*arguments)
    assert result.exit_code == BAD_INPUT, result.output
    return result.stderr


def listed(folder: Path, *options: str) -> dict[str, Row]:
    """By name, in order: what JSON says of each run."""
    return {run["run"]: run for run in json.loads(shown(folder, "--format", "json", *options))["runs"]}


def validation(step: int, **losses: float) -> Row:
    return {"split": "validation", "step": step, "losses": losses, "vitals": {"z_spread": 1.0 + step}}


def trained(step: int, **losses: float) -> Row:
    return {"split": "train", "step": step, "losses": losses, "total": sum(losses.values()), "gradient_norm": 1.0}


def alarm(step: int, key: str) -> Row:
    return {"split": "alarm", "step": step, "alarm": key, "value": 0.0, "bound": 1.0}


def status(state: str, **others: Any) -> Row:
    facts = {"state": state, "step": 4, "steps": 8, "seconds": 90.0, "host": socket.gethostname()}
    return facts | {"updated": datetime.now(UTC).isoformat(timespec="seconds")} | others


def left(path: Path, config: str = "", rows: tuple[Row, ...] | list[Row] = (), told: Row | None = None) -> Path:
    """A run folder as a run would leave it."""
    path.mkdir(parents=True)
    (path / "config.toml").write_text(config)
    if rows:
        (path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    if told:
        (path / "status.json").write_text(json.dumps(told))
    return path


@contextmanager
def locked(run: Path, kind: int = fcntl.LOCK_EX) -> Iterator[None]:
    with (run / "config.toml").open("rb") as file:
        fcntl.flock(file.fileno(), kind)
        yield


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Outcome]:
    settings = ("losses.sigreg=0.3", "alarms.h_norm_below=5", "train.checkpoint_every_steps=3")
    path = tmp_path_factory.mktemp("made") / "real"
    with sketched_pictures():
        return path, run_training(load_config(None, [*SMALL, *settings]), path, Observer())


@pytest.fixture
def real(made_once: tuple[Path, Outcome], tmp_path: Path) -> tuple[Path, Outcome]:
    """A run as training leaves it, with an alarm; to be altered at will."""
    return shutil.copytree(made_once[0], tmp_path / "runs" / "real"), made_once[1]


# A list --------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_real_run_is_told_as_it_went(real: tuple[Path, Outcome]) -> None:
    path, outcome = real
    run = listed(path.parent)["real"]
    assert (run["state"], run["step"], run["steps"], run["problems"]) == ("finished", 4, 4, [])
    assert run["best"] == pytest.approx({"value": outcome.best[0], "step": outcome.best[1]})
    assert run["held_out"]["step"] == 4
    assert run["alarms"] == ["h_norm_below"]
    assert run["settings"]["losses.sigreg"] == 0.3
    assert run["seconds"] >= round(outcome.seconds, 1)
    table = shown(path.parent)
    for part in ("real  finished    4/4", "losses.sigreg=0.3", "1 alarm: h_norm_below"):
        assert part in table


def test_rows_before_the_newest_checkpoint_are_not_read(real: tuple[Path, Outcome]) -> None:
    path, _ = real
    before = run_record(path).progress
    content = (path / "metrics.jsonl").read_bytes()
    end = content.rfind(b'{"split": "validation"')
    decoys = "".join(json.dumps(row) + "\n" for row in (alarm(0, "decoy"), validation(0, jepa=-1.0)))
    (path / "metrics.jsonl").write_bytes(decoys.encode().ljust(end) + content[end:])
    assert run_record(path).progress == before
    for checkpoint in (path / "checkpoints").iterdir():
        checkpoint.unlink()
    assert run_record(path).progress.alarms == ("decoy",)


@pytest.mark.parametrize("content", [b"", b"\x05", b"\xff" * 20, b"\2\0\0\0\0\0\0\0{}", b"\2\0\0\0\0\0\0\0[]"])
def test_a_damaged_checkpoint_is_not_believed(content: bytes, real: tuple[Path, Outcome]) -> None:
    path, _ = real
    before = run_record(path).progress
    (path / "checkpoints" / "step-99999999.safetensors").write_bytes(content)
    assert run_record(path).progress == before


def test_a_checkpoint_of_rows_that_are_gone_is_not_believed(real: tuple[Path, Outcome]) -> None:
    path, _ = real
    (path / "metrics.jsonl").write_text(json.dumps(validation(0, jepa=7.0)) + "\n")
    assert run_record(path).progress.best == (7.0, 0)


@pytest.mark.parametrize(
    ("told", "state"),
    [
        (status("finished"), "finished"),
        (status("interrupted"), "interrupted"),
        (status("failed", reason="loss jepa became NaN"), "failed"),
        (status("running"), "killed"),
        (status("running", host="elsewhere"), "running"),
        (status("running", host="elsewhere", updated="2026-01-01T00:00:00+00:00"), "killed"),
        (status("dancing"), "unknown"),
        (None, "unknown"),
    ],
)
def test_states(told: Row | None, state: str, tmp_path: Path) -> None:
    left(tmp_path / "run", told=told)
    assert listed(tmp_path)["run"]["state"] == state


@pytest.mark.parametrize("told", [None, status("running"), status("interrupted")])
def test_a_run_that_is_held_is_running_whatever_its_status_says(told: Row | None, tmp_path: Path) -> None:
    run = left(tmp_path / "run", told=told)
    with locked(run):
        assert listed(tmp_path)["run"]["state"] == "running"
    assert listed(tmp_path)["run"]["state"] != "running"


def test_where_locks_cannot_be_seen_a_fresh_status_is_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise OSError("no locks here")

    monkeypatch.setattr(fcntl, "flock", refused)
    old = (datetime.now(UTC) - timedelta(seconds=2 * STALE)).isoformat()
    left(tmp_path / "fresh", told=status("running"))
    left(tmp_path / "old", told=status("running", updated=old))
    assert {name: run["state"] for name, run in listed(tmp_path).items()} == {"fresh": "running", "old": "killed"}


def test_why_a_run_failed_is_shown(tmp_path: Path) -> None:
    left(tmp_path / "run", told=status("failed", reason="loss jepa became NaN\n  at step 3"))
    assert "    loss jepa became NaN at step 3\n" in shown(tmp_path)


def test_a_run_of_an_older_version_is_told_by_its_other_files(tmp_path: Path) -> None:
    run = left(tmp_path / "old", "[train]\nsteps = 8\n[losses]\nforgotten = 2.0\n", [validation(8, forgotten=3.0)])
    (run / "summary.md").write_text("# grid-rooms: finished after 8 of 8 steps\n")
    found = listed(tmp_path)["old"]
    assert (found["state"], found["step"], found["steps"]) == ("finished", 8, 8)
    assert found["held_out"] == {"value": 6.0, "step": 8}
    assert found["settings"] == {"train.steps": 8, "losses.forgotten": 2.0}
    assert found["updated"] is not None
    assert "status.json" in found["problems"][0]


def test_sums_are_weighted_and_the_best_is_the_least(tmp_path: Path) -> None:
    rows = [validation(0, jepa=float("nan"), h2z=1.0), validation(2, jepa=1.0, h2z=1.0), trained(3, jepa=9.0, h2z=9.0)]
    rows += [validation(4, jepa=2.0, h2z=1.0), validation(6, jepa=float("nan"), h2z=1.0)]
    left(tmp_path / "run", "[losses]\njepa = 10\nh2z = 0.5\n", rows)
    run = listed(tmp_path)["run"]
    assert run["best"] == {"value": 10.5, "step": 2}
    assert run["held_out"] == {"value": "nan", "step": 6}


def test_a_weight_that_nobody_knows_makes_no_sum(tmp_path: Path) -> None:
    left(tmp_path / "run", rows=[validation(0, no_such_loss=1.0)])
    run = listed(tmp_path)["run"]
    assert run["held_out"] is None
    assert "weight" in run["problems"][0]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("config.toml", b"[train\nsteps = 3", "is not TOML"),
        ("config.toml", b"\xff\xfe", "is not UTF-8"),
        ("config.toml", b"train = 3\n[losses.jepa]\na = 1\n", ""),
        ("config.toml", b"[train]\nsteps = 'many'\n[losses]\njepa = 'much'\n", ""),
        ("metrics.jsonl", b"", "no metrics yet"),
        ("metrics.jsonl", b'{"split": "val', "no row that can be read"),
        ("metrics.jsonl", b"\0\xff\n[]\n3\n{}\nnull\n", "no row that can be read"),
        ("metrics.jsonl", b'{"split": "validation", "step": 1, "losses": {"jepa": "x"}}\n', "no row that can be read"),
        ("metrics.jsonl", b'{"split": "train", "step": "x"}\n{"split": "alarm", "step": 1}\n', "no row that can be"),
        ("status.json", b'{"state": ', "no status.json"),
        ("status.json", b"[1, 2]", "no status.json"),
        ("status.json", b'{"state": [], "step": "x", "seconds": {}, "updated": 3, "reason": 4}', ""),
        ("summary.md", b"\xff", ""),
    ],
)
@pytest.mark.parametrize("form", ["rich", "json", "csv"])
def test_a_broken_run_is_listed_with_what_is_known(
    name: str, content: bytes, told: str, form: str, tmp_path: Path
) -> None:
    run = left(tmp_path / "broken", "[train]\nsteps = 8\n", [validation(0, jepa=1.0)], status("finished"))
    left(tmp_path / "whole", "", [validation(0, jepa=1.0)], status("finished"))
    (run / name).write_bytes(content)
    text = " ".join(shown(tmp_path, "--format", form).split())
    assert "broken" in text
    assert "whole" in text
    assert told in text


def test_a_torn_last_row_hides_none_of_the_others(tmp_path: Path) -> None:
    run = left(tmp_path / "run", "", [validation(0, jepa=1.0), trained(3, jepa=1.0)])
    with (run / "metrics.jsonl").open("a") as file:
        file.write('{"split": "validation", "step": 4, "losses": {"je')
    found = listed(tmp_path)["run"]
    assert (found["step"], found["held_out"]["step"]) == (3, 0)


def test_settings_that_all_runs_share_are_told_once(tmp_path: Path) -> None:
    left(tmp_path / "a", "[losses]\nsigreg = 0.7\n[train]\nsteps = 8\n")
    left(tmp_path / "b", "[losses]\nsigreg = 0.8\n[train]\nsteps = 8\n")
    left(tmp_path / "c", "not toml")
    table = shown(tmp_path)
    assert table.count("train.steps=8") == 1
    assert "all of them: train.steps=8" in table
    assert "    losses.sigreg=0.7\n" in table
    assert "    losses.sigreg=0.8\n" in table


def test_a_single_run_tells_all_of_its_settings(tmp_path: Path) -> None:
    left(tmp_path / "a", "[losses]\nsigreg = 0.7\n[train]\nsteps = 8\ndevice = 'cpu'\n")
    assert "    losses.sigreg=0.7  train.steps=8\n" in shown(tmp_path)


@pytest.mark.parametrize(("devices", "told"), [(("cpu", "cpu"), False), (("cpu", "cuda"), True)])
def test_the_machine_is_told_where_it_differs(devices: tuple[str, str], told: bool, tmp_path: Path) -> None:
    for name, device in zip("ab", devices, strict=True):
        left(tmp_path / name, f"[train]\ndevice = '{device}'\nthreads = 4\n")
    table = shown(tmp_path)
    assert ("train.device=cuda" in table) == told
    assert "train.threads" not in table


def test_order(tmp_path: Path) -> None:
    for name, loss, day in (("a", 2.0, 1), ("b", 1.0, 3), ("c", 3.0, 2)):
        left(tmp_path / name, "", [validation(0, jepa=loss)], status("finished", updated=f"2026-02-0{day}T00:00:00"))
    left(tmp_path / "d")
    assert list(listed(tmp_path)) == ["a", "b", "c", "d"]
    assert [name for name in listed(tmp_path, "--sort", "updated") if name != "d"] == ["b", "c", "a"]
    assert list(listed(tmp_path, "--sort", "loss")) == ["b", "a", "c", "d"]


def test_sums_with_other_weights_are_not_passed_off_as_comparable(tmp_path: Path) -> None:
    left(tmp_path / "a", "[losses]\njepa = 2\n", [validation(0, jepa=1.0)])
    left(tmp_path / "b", "[losses]\njepa = 2\n", [validation(0, jepa=1.0)])
    assert "cannot be compared" not in shown(tmp_path)
    left(tmp_path / "c", "[losses]\njepa = 3\n", [validation(0, jepa=1.0)])
    assert "cannot be compared" in shown(tmp_path)


def test_csv_has_a_column_for_each_setting_that_varies(tmp_path: Path) -> None:
    left(tmp_path / "a", "[losses]\nsigreg = 0.7\n", [validation(0, jepa=1.0), alarm(0, "z_spread_below")])
    left(tmp_path / "b", told=status("failed", reason='no, "really"\nno'))
    a, b = csv.DictReader(io.StringIO(shown(tmp_path, "--format", "csv")))
    assert (a["run"], a["losses.sigreg"], a["alarms"], a["held_out_step"]) == ("a", "0.7", "1", "0")
    assert b["losses.sigreg"] == f"{default_settings().values['losses.sigreg']:g}"
    assert (b["reason"], b["held_out"], b["seconds"]) == ('no, "really" no', "", "90.0")


def test_lines_fit_the_terminal_and_escape_what_it_would_obey(tmp_path: Path) -> None:
    left(tmp_path / ("a" * 70), "[data]\nsource = '/some/folder'\n", [validation(123456, jepa=1.0)], status("running"))
    left(tmp_path / "red\x1b[31m\nname", told=status("interrupted"))
    left(tmp_path / "場所", told=status("finished"))
    table = shown(tmp_path)
    assert max(map(len, table.splitlines())) <= 80
    assert "\x1b" not in table
    name = r"red\x1b[31m name"
    assert f"\n{name}  interrupted " in table
    assert f"\n場所{' ' * (len(name) - 4)}  finished " in table
    assert f"\n{'a' * 70}\n{' ' * len(name)}  killed " in table


def test_a_run_folder_lists_itself(tmp_path: Path) -> None:
    left(tmp_path / "run")
    assert list(listed(tmp_path / "run")) == ["run"]


def test_other_folders_and_files_are_no_runs(tmp_path: Path) -> None:
    left(tmp_path / "run")
    (tmp_path / "pictures").mkdir()
    (tmp_path / "notes.md").write_text("")
    (tmp_path / "nested" / "deeper").mkdir(parents=True)
    (tmp_path / "astray").symlink_to(tmp_path / "nowhere")
    assert list(listed(tmp_path)) == ["run"]


def test_without_a_folder_it_is_the_runs_of_the_current_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "folder runs does not exist" in complaint()
    left(tmp_path / "runs" / "compare")
    assert "compare  unknown" in shown()
    assert "compare  unknown" in shown("--sort", "loss")
    assert "compare  unknown" in shown("list", "runs")


def test_an_empty_folder_says_how_to_make_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    assert shown() == "no runs in runs; jepa train --out runs/first makes one\n"
    assert json.loads(shown("runs", "--format", "json"))["runs"] == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nowhere"], "folder nowhere does not exist"),
        (["file"], "folder file is a file"),
        (["--format", "jsn"], "did you mean 'json'?"),
        (["--sort", "los"], "did you mean 'loss'?"),
        (["compare", "a"], "two runs or more"),
        (["compare", "a", "nowhere"], "nowhere is not a run folder"),
        (["compare", "a", "./a"], "named twice"),
        (["compare", "a", "b", "--out", "x.jpg"], ".png, .svg, .pdf"),
        (["compare", "a", "b", "--out", "no/x.png"], "folder no does not exist"),
        (["compare", "a", "b", "--format", "csv"], "known are 'rich', 'json'"),
    ],
)
def test_mistakes(arguments: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    left(tmp_path / "a")
    left(tmp_path / "b")
    (tmp_path / "file").write_text("")
    assert told in complaint(*arguments)
    assert not list(tmp_path.glob("*.png"))


def test_help_tells_the_options_of_the_list_and_the_commands() -> None:
    text = shown("--help")
    for part in ("[FOLDER]", "--sort", "compare RUN RUN..."):
        assert part in text
    assert "--out" in shown("compare", "--help")


@pytest.mark.slow
def test_a_list_loads_no_heavy_package(tmp_path: Path) -> None:
    left(tmp_path / "a", "[losses]\nsigreg = 0.7\n", [validation(0, jepa=1.0)], status("running"))
    ask = "from typer.testing import CliRunner; from jepa_cli.app import app"
    for form in ("rich", "json", "csv"):
        listing = f"CliRunner().invoke(app, ['runs', {str(tmp_path)!r}, '--format', '{form}'])"
        assert loaded_by(f"{ask}; done = {listing}; assert done.exit_code == 0, done.output") == set()


# The rows of a run ---------------------------------------------------------------------------------------------------


def test_the_newest_row_is_found_from_the_end_however_the_file_is_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [validation(0, jepa=1.0), *(trained(step, jepa=1.0) for step in range(1, 9))]
    file = left(tmp_path / "run", rows=rows) / "metrics.jsonl"
    for size in (1, 2, 7, 64, 137, 4096):
        monkeypatch.setattr(metrics, "CHUNK", size)
        assert newest(file) == rows[-1]
        assert newest(file, "validation") == rows[0]
        assert newest(file, "alarm") is None


def test_finding_the_newest_row_reads_the_end_only(tmp_path: Path) -> None:
    rows = [*(trained(step, jepa=1.0) for step in range(50_000)), validation(50_000, jepa=1.0)]
    file = left(tmp_path / "run", rows=rows) / "metrics.jsonl"
    start = time.perf_counter()
    assert newest(file, "validation") == rows[-1]
    from_the_end = time.perf_counter() - start
    start = time.perf_counter()
    assert history(file).validations == rows[-1:]
    assert time.perf_counter() - start > 5 * from_the_end


@pytest.mark.parametrize("steps", [1, POINTS - 1, POINTS, 3 * POINTS + 1])
def test_training_is_thinned_out_evenly(steps: int, tmp_path: Path) -> None:
    rows = [row for step in range(steps) for row in (trained(step, jepa=1.0), validation(step, jepa=1.0))]
    found = history(left(tmp_path / "run", rows=rows) / "metrics.jsonl")
    kept = [row["step"] for row in found.train]
    assert min(steps, POINTS // 2) <= len(kept) <= POINTS
    assert kept == list(range(0, steps, kept[1] if len(kept) > 1 else 1))
    assert len(found.validations) == steps


# The lock ------------------------------------------------------------------------------------------------------------


def test_two_who_look_do_not_take_each_other_for_a_training(tmp_path: Path) -> None:
    run = left(tmp_path / "run")
    with locked(run, fcntl.LOCK_SH):
        assert is_held(run / "config.toml") is False


def test_a_training_waits_for_somebody_who_only_looks(tmp_path: Path) -> None:
    run, looking = left(tmp_path / "run"), threading.Event()

    def look() -> None:
        with locked(run, fcntl.LOCK_SH):
            looking.set()
            time.sleep(0.05)

    onlooker = threading.Thread(target=look)
    onlooker.start()
    looking.wait()
    with RunFolder(run).held():
        assert is_held(run / "config.toml")
    onlooker.join()


# Side by side --------------------------------------------------------------------------------------------------------


@pytest.fixture
def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two runs with other losses, in the current folder."""
    monkeypatch.chdir(tmp_path)
    rows = [validation(0, jepa=4.0, h2z=3.0), trained(1, jepa=2.0, h2z=2.0), validation(2, jepa=1.0, h2z=5.0)]
    left(tmp_path / "a", "[losses]\nsigreg = 0\n", rows, status("finished"))
    rows = [validation(0, jepa=4.5, sigreg=0.0), validation(3, jepa=2.0, sigreg=-1.0)]
    left(tmp_path / "b", "[losses]\nsigreg = 0.7\nh2z = 0\n", rows, status("running"))
    return tmp_path


def line(text: str, start: str) -> list[str]:
    return next(row.split() for row in text.splitlines() if row.startswith(start))


def test_runs_side_by_side(pair: Path) -> None:
    text = shown("compare", "a", "b")
    assert "A  a: finished, 4/6000 steps in 1.5 min" in text
    assert "B  b: killed" in text
    assert line(text, "losses.sigreg") == ["losses.sigreg", "0", "0.7"]
    assert line(text, "held out") == ["held", "out", "A", "last", "A", "best", "B", "last", "B", "best"]
    assert line(text, "jepa") == ["jepa", "1", "1", "2", "2"]
    assert line(text, "h2z") == ["h2z", "5", "3", "-", "-"]
    assert line(text, "sigreg") == ["sigreg", "-", "-", "-1", "-1"]
    assert line(text, "z_spread") == ["z_spread", "1", "3", "1", "4"]
    assert "cannot be compared" in text
    assert "picture: runs-compare.png" in text
    assert max(map(len, text.splitlines())) <= 80


def test_many_runs_are_told_below_each_other(pair: Path) -> None:
    names = [f"run-{number}" for number in range(30)]
    for number, name in enumerate(names):
        left(pair / name, f"[train]\nsteps = {number + 1}\n", [validation(0, jepa=number + 0.5)])
    text = shown("compare", *names)
    assert max(map(len, text.splitlines())) <= 80
    told = [cell for row in text.splitlines() if row.startswith("jepa ") for cell in row.split()[1:]]
    assert told == [f"{number + 0.5:g}" for number in range(30) for _ in range(2)]


def test_a_comparison_as_json(pair: Path) -> None:
    found = json.loads(shown("compare", "a", "b", "--format", "json", "--out", "c.svg"))
    assert [run["label"] for run in found["runs"]] == ["A", "B"]
    assert found["settings"]["losses.sigreg"] == [0, 0.7]
    assert found["losses"]["h2z"] == [{"first": 3.0, "last": 5.0, "best": 3.0, "best_step": 0}, None]
    assert found["vitals"]["z_spread"][1]["last"] == 4.0
    assert found["picture"] == "c.svg"


def evaluated(run: Path, recall: float | None, reached: float, **protocol: object) -> None:
    """As `jepa eval` leaves it."""
    told = {"run": str(run), "episodes": 60, **protocol}
    recall_at_1 = {"value": recall, "low": 0.9, "high": 1.0, "target": 0.99, "met": recall and recall >= 0.99}
    planning = {"search in imagined z": {"success": {"value": reached, "low": 0.1, "high": 1.0, "count": 60}}}
    kept = {"protocol": told, "figures": {"recall_at_1_place": recall_at_1}, "planning": planning}
    (run / "evaluation.json").write_text(json.dumps(kept))


def test_figures_of_evaluations_side_by_side(pair: Path) -> None:
    assert "evaluated" not in shown("compare", "a", "b")
    evaluated(pair / "a", 0.95, 0.5)
    evaluated(pair / "b", 0.995, 1.0)
    text = shown("compare", "a", "b")
    assert line(text, "evaluated") == ["evaluated", "A", "B"]
    assert line(text, "recall at 1 place")[4:] == ["0.95!", "0.995"]
    assert line(text, "search in imagined z")[4:] == ["0.5", "1"]
    assert "not evaluated alike" not in text
    found = json.loads(shown("compare", "a", "b", "--format", "json"))
    assert [one["value"] for one in found["figures"]["recall_at_1_place"]] == [0.95, 0.995]
    assert [one["value"] for one in found["planning"]["search in imagined z"]] == [0.5, 1.0]
    assert found["protocols"][0]["episodes"] == 60


def test_figures_that_cannot_be_compared_say_so(pair: Path) -> None:
    evaluated(pair / "a", None, 0.5)
    evaluated(pair / "b", 0.995, 1.0, episodes=20, seed=3)
    text = shown("compare", "a", "b")
    assert "they were not evaluated alike: episodes, seed differ" in text
    assert line(text, "recall at 1 place")[4:] == ["-", "0.995"]
    (pair / "b" / "weights.safetensors").write_bytes(b"newer")
    assert "evaluation.json is older than the weights: run jepa eval again" in shown("compare", "a", "b")


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"figures": 3}', '{"figures": {"a": {"value": "x"}}, "planning": {}}']
)
def test_a_damaged_evaluation_is_named_and_nothing_else_is_lost(content: str, pair: Path) -> None:
    evaluated(pair / "a", 0.95, 0.5)
    (pair / "b" / "evaluation.json").write_text(content)
    text = shown("compare", "a", "b")
    assert "evaluation.json cannot be read: run jepa eval again" in text
    assert line(text, "recall at 1 place")[4:] == ["0.95!", "-"]


@pytest.mark.slow
@pytest.mark.parametrize(("suffix", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("PDF", b"%PDF")])
def test_a_picture_in_each_format_is_the_same_each_time(suffix: str, start: bytes, pair: Path) -> None:
    pictures = []
    for name in ("one", "two"):
        shown("compare", "a", "b", "--out", f"{name}.{suffix}")
        pictures.append((pair / f"{name}.{suffix}").read_bytes())
    assert pictures[0].startswith(start)
    assert pictures[0] == pictures[1]


def test_the_picture_shows_each_loss_and_vital_of_each_run(pair: Path) -> None:
    runs = {name: history(pair / name / "metrics.jsonl") for name in ("a", "b")}
    figure = curves(runs)
    plots = {axes.get_title(): axes for axes in figure.axes if axes.get_title()}
    assert list(plots) == ["jepa", "h2z", "sigreg", "vital: z_spread"]
    assert [axes for axes in curves({"a": runs["a"]}).axes if axes.axison and not axes.lines] == []
    assert [axes.get_yscale() for axes in plots.values()] == ["log", "log", "linear", "log"]
    drawn = [(curve.get_color(), list(curve.get_xdata()), list(curve.get_ydata())) for curve in plots["jepa"].lines]
    assert (COLOURS[0], [1], [2.0]) in drawn
    assert (COLOURS[0], [0, 2], [4.0, 1.0]) in drawn
    assert (COLOURS[1], [0, 3], [4.5, 2.0]) in drawn
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a", "b", "held out", "training"]


@pytest.mark.slow
def test_many_runs_look_different() -> None:
    runs = {f"$\\frac{number}$": History(validations=[validation(0, jepa=1.0)]) for number in range(15)}
    figure = curves(runs)
    looks = {(curve.get_color(), curve.get_linestyle()) for curve in figure.axes[0].lines if len(curve.get_xdata())}
    assert len(looks) == 15
    assert as_picture(figure, "png")


def test_values_that_are_not_finite_break_no_picture(pair: Path) -> None:
    left(pair / "c", "", [validation(0, jepa=float("nan")), validation(1, jepa=float("inf"))])
    left(pair / "d", "", [validation(0, jepa=float("nan")), validation(1, jepa=2.0)])
    assert line(shown("compare", "c", "d"), "jepa")[1:] == ["inf", "nan", "2", "2"]


def test_runs_without_metrics_have_no_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    left(tmp_path / "a", "not toml")
    left(tmp_path / "b")
    text = shown("compare", "a", "b")
    assert "no picture: none of them has metrics yet" in text
    assert "is not TOML" in text
    assert not list(tmp_path.glob("*.png"))


@pytest.mark.slow
@pytest.mark.usefixtures("quick_pictures")
def test_real_runs_side_by_side(real: tuple[Path, Outcome], small_config: BuildConfig, tmp_path: Path) -> None:
    other = tmp_path / "runs" / "other"
    outcome = run_training(small_config("losses.sigreg=0", "train.seed=3"), other, Observer())
    found = json.loads(shown("compare", real[0], other, "--format", "json", "--out", tmp_path / "c.png"))
    assert set(found["settings"]) == {
        "losses.sigreg",
        "train.seed",
        "train.checkpoint_every_steps",
        "alarms.h_norm_below",
    }
    assert found["losses"]["sigreg"][1] is None
    last = outcome.validations[4]
    assert found["losses"]["jepa"][1]["last"] == last.losses["jepa"]
    assert {name: courses[1]["last"] for name, courses in found["vitals"].items()} == last.vitals
