"""`jepa eval` on a run that nobody trained."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from jepa_cli.app import app
from jepa_world_model.data.episode_writer import EpisodeWriter
from jepa_world_model.data.grid_world import generate
from jepa_world_model.evaluation.figures import FIGURES
from tests.evaluation.untrained import untrained_run

pytestmark = pytest.mark.slow


def invoke(*arguments: object):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return untrained_run(tmp_path_factory.mktemp("eval") / "run")


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "run"))


QUICK = ("--episodes", 6, "--tasks", 2)
NO_SEARCH = (*QUICK, "--planners", "random,oracle")  # a search by a model that nobody trained takes seconds


def test_every_figure_is_shown_and_kept_with_all_that_it_depends_on(run: Path) -> None:
    shown = invoke("eval", run, *QUICK)
    assert shown.exit_code == 0, shown.output
    kept = json.loads((run / "evaluation.json").read_text())
    assert set(kept["figures"]) == set(FIGURES)
    for name, figure in kept["figures"].items():
        assert name.replace("_", " ") in shown.output
        assert (figure["value"] is None) == ("missing" in figure) or figure["count"] == 0
    assert kept["protocol"]["episodes"] == 6
    assert kept["protocol"]["trained"] == "unknown, ?/4 steps"
    assert kept["planning"]["oracle"]["success"]["value"] == 1
    assert kept["protocol"]["goals"] == "of other episodes"
    assert "2 goals for each distance, of other episodes; for p alone, a goal is odometry along" in " ".join(
        shown.output.split()
    )
    assert "search in imagined z" in shown.output


def test_the_same_seed_gives_the_same_figures_and_another_one_others(run: Path) -> None:
    def figures(*more: object) -> dict:
        found = json.loads(invoke("eval", run, *QUICK, "--planners", "random,cem-z", "--format", "json", *more).stdout)
        for one in found["planning"].values():
            del one["seconds_a_plan"]
        return found

    first = figures()
    assert first == figures()
    other = figures("--seed", 1)
    assert other["figures"]["position_in_z"] != first["figures"]["position_in_z"]


def test_the_run_itself_stays_as_it_was(run: Path) -> None:
    before = {file: file.read_bytes() for file in run.rglob("*") if file.is_file()}
    assert invoke("eval", run, *NO_SEARCH, "--format", "html").exit_code == 0
    after = {file: file.read_bytes() for file in run.rglob("*") if file.is_file()}
    assert {file.name for file in after.keys() - before.keys()} == {"evaluation.json", "evaluation.html"}
    assert all(after[file] == content for file, content in before.items())


def test_the_page_is_whole_and_fetches_nothing(run: Path) -> None:
    chosen = ("--episodes", 6, "--tasks", 1, "--planners", "a-star-p,oracle")
    assert invoke("eval", run, *chosen, "--format", "html").exit_code == 0
    page = (run / "evaluation.html").read_text(encoding="utf-8")
    assert all(name.replace("_", " ") in page for name in FIGURES)
    curves_map_and_frames, walks_of_a_star = 3, 1
    assert page.count("data:image/png;base64,") == curves_map_and_frames + walks_of_a_star
    assert "http" not in page


def test_only_the_planners_that_are_named_are_tried(run: Path) -> None:
    shown = invoke("eval", run, *NO_SEARCH, "--format", "json", "--data", "grid-loops")
    kept = json.loads(shown.stdout)
    assert list(kept["planning"]) == ["random walk", "oracle"]
    assert kept["protocol"]["goals"] == "cells inside the ring, where training never was"


def test_markdown_has_a_row_for_each_figure(run: Path) -> None:
    text = invoke("eval", run, *NO_SEARCH, "--format", "markdown").stdout
    assert all(f"| `{name}` |" in text for name in FIGURES)


def test_recorded_data_is_evaluated_without_a_world(run: Path, tmp_path: Path) -> None:
    made = generate("grid-rooms", 6, 24, seed=9, image_size=16)
    with EpisodeWriter(
        tmp_path / "data", action_kind=made.spec.action_kind, action_names=made.spec.action_names
    ) as writer:
        for episode in made:
            writer.add(type(episode)(episode.frames, episode.actions, {}))
    shown = invoke("eval", run, "--data", tmp_path / "data", *QUICK)
    assert shown.exit_code == 0, shown.output
    assert "position in z: not measured, the data has no position" in shown.output
    assert "there is no environment to reach goals in" in shown.output
    refused = invoke("eval", run, "--data", tmp_path / "data", *QUICK, "--planners", "random")
    assert refused.exit_code == 2
    assert "there is no environment to reach goals in" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--format", "jsn"), "--format jsn: did you mean 'json'?"),
        (("--tasks", 0), "--tasks: expected at least 1, found 0"),
        (("--episodes", 0), "--episodes: expected at least 1, found 0"),
        (
            ("--episodes", 3),
            "expected at least 4 held-out episodes of at least 10 frames, found 3 among 3, the longest of 64",
        ),
        (("--seed", -1), "--seed: expected at least 0, found -1"),
        (("--planners", "serch-z"), "--planners serch-z: did you mean 'search-z'?"),
        (("--planners", "random,search-q"), "search-q: the model has no pose of a place"),
        (("--data", "nowhere"), "unknown data source 'nowhere'"),
    ],
)
def test_mistakes_are_one_message(arguments: tuple, message: str, run: Path) -> None:
    found = invoke("eval", run, *arguments)
    assert found.exit_code == 2
    assert message in found.stderr
    assert not (run / "evaluation.json").exists()


def test_what_is_no_run_is_refused(tmp_path: Path, run: Path) -> None:
    assert "is not a run folder" in invoke("eval", tmp_path / "none").stderr
    (run / "weights.safetensors").unlink()
    assert "the run ended before its first save" in invoke("eval", run).stderr
    (run / "checkpoints").mkdir()
    (run / "checkpoints" / "step-000000002.safetensors").write_bytes(b"")
    assert f"it was killed. Go on with jepa train --resume {run}" in " ".join(invoke("eval", run).stderr.split())


def test_data_of_another_environment_is_refused(run: Path, tmp_path: Path) -> None:
    made = generate("grid-rooms", 4, 12, seed=9, image_size=16)
    turned = ("right", "down", "left", "up")
    with EpisodeWriter(tmp_path / "turned", action_kind=made.spec.action_kind, action_names=turned) as writer:
        for episode in made:
            writer.add(episode)
    with EpisodeWriter(tmp_path / "wide", action_kind=made.spec.action_kind) as writer:
        for episode in made:
            writer.add(type(episode)(episode.frames, np.pad(episode.actions, ((0, 0), (0, 3)))))
    found = invoke("eval", run, "--data", tmp_path / "turned")
    assert found.exit_code == 2
    assert "expected the actions up, down, left, right" in found.stderr
    found = invoke("eval", run, "--data", tmp_path / "wide")
    assert found.exit_code == 2
    assert "actions of 4 columns, as the run was trained on, found 3 and 7" in found.stderr


def test_a_run_on_a_gymnasium_environment_is_planned_in_it(tmp_path: Path) -> None:
    gymnasium = pytest.importorskip("gymnasium")
    from tests.evaluation.gym_grid import Field

    gymnasium.register("Field-v0", entry_point=Field, disable_env_checker=True)
    try:
        sizes = ["--size", 16, "--max-steps", 20, "--episodes", 20]
        assert invoke("collect", "--env", "Field-v0", "--out", tmp_path / "data", *sizes).exit_code == 0
        run = untrained_run(tmp_path / "run", f"data.source={tmp_path / 'data'}", "data.validation_fraction=0.3")
        chosen = ("--tasks", 1, "--planners", "search-z,oracle", "--format", "json")
        kept = json.loads(invoke("eval", run, *chosen).stdout)
        assert kept["planning"]["oracle"]["success"]["value"] == 1
        assert kept["protocol"]["goals"] == "up to 16 moves from a start in one of 4 fresh layouts"
        assert kept["figures"]["position_in_z"]["count"] == 3
        found = invoke("plan", run, "--moves", 2, "--out", tmp_path / "walk.gif")
        assert found.exit_code in (0, 1), found.output
        found = invoke("plan", run, "--goal", "1:3", "--out", tmp_path / "walk.gif")
        assert "a recorded frame does not tell the state of the environment" in found.stderr
    finally:
        del gymnasium.registry["Field-v0"]
