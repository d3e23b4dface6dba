"""`jepa plan` on a run that nobody trained."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from jepa_cli.app import app
from jepa_cli.plan.view import WalkView
from jepa_world_model.evaluation.planning.planner_names import NAMES, WALKERS
from jepa_world_model.pictures.walk_film import Film, Moment
from jepa_world_model.worlds.grid import GridState, GridWorld
from tests.evaluation.untrained import untrained_run

pytestmark = pytest.mark.slow


def invoke(*arguments: object):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return untrained_run(tmp_path_factory.mktemp("plan") / "run")


def test_a_walk_is_reported_move_by_move_and_filmed(run: Path, tmp_path: Path) -> None:
    found = invoke("plan", run, "--moves", 3, "--out", tmp_path / "walk.gif")
    assert found.exit_code in (0, 1)
    assert ("reached after" in found.output) == (found.exit_code == 0)
    moves = found.output.count("imagined frame off by")
    with Image.open(tmp_path / "walk.gif") as film:
        assert film.n_frames == moves + 1  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize("planner", ["search-p", "a-star-p", "cem-z"])
def test_other_planners_walk_too(planner: str, run: Path, tmp_path: Path) -> None:
    found = invoke("plan", run, "--moves", 2, "--planner", planner, "--out", tmp_path / "walk.gif")
    assert found.exit_code in (0, 1), found.output
    assert (tmp_path / "walk.gif").exists()


def test_without_a_name_the_planner_that_did_best_in_the_evaluation_walks(run: Path, tmp_path: Path) -> None:
    walk = ("plan", run, "--moves", 1, "--out", tmp_path / "walk.gif")
    assert "planner  search in imagined z (jepa eval measures which is best)" in invoke(*walk).output
    success = {"CEM in z": {"success": {"value": 0.5}}, "search in imagined z": {"success": {"value": 0.25}}}
    try:
        (run / "evaluation.json").write_text(json.dumps({"protocol": {}, "figures": {}, "planning": success}))
        assert "planner  CEM in z (reached 50% in jepa eval)" in invoke(*walk).output
        os.utime(run / "evaluation.json", (0, 0))
        assert "planner  search in imagined z (jepa" in invoke(*walk).output, "figures of older weights"
    finally:
        (run / "evaluation.json").unlink()


def test_a_goal_where_it_stands_is_reached_at_once(run: Path, tmp_path: Path) -> None:
    """The picture of the start, saved and given as the goal."""
    from jepa_world_model.worlds.grid import GridWorld

    world = GridWorld("grid-rooms", 16)
    Image.fromarray(world.render(world.reset(np.random.default_rng(0)))).save(tmp_path / "goal.png")
    found = invoke("plan", run, "--goal", tmp_path / "goal.png", "--out", tmp_path / "walk.gif")
    assert found.exit_code == 0
    assert "reached after 0 moves" in found.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--goal", "99:1"), "expected an episode below 20 and a frame below 64"),
        (("--goal", "none.png"), "there is no such file; expected a picture, or EPISODE:FRAME"),
        (("--planner", "search"), "--planner search: did you mean 'search-"),
        (("--planner", "search-q"), "search-q: the model has no pose of a place"),
        (("--moves", 0), "expected --moves of at least 1"),
        (("--out", "walk.mp4"), "expected a file that ends in .gif"),
        (("--out", "none/walk.gif"), "folder none does not exist"),
    ],
)
def test_mistakes_are_one_message(
    arguments: tuple, message: str, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = invoke("plan", run, *arguments)
    assert found.exit_code == 2
    assert message in found.stderr
    assert not list(tmp_path.iterdir())


def test_what_is_no_picture_is_refused(run: Path, tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no picture")
    found = invoke("plan", run, "--goal", tmp_path / "text.png")
    assert found.exit_code == 2
    assert f"--goal {tmp_path / 'text.png'}: expected a PNG, JPEG, WEBP or BMP image" in found.stderr


def test_a_photo_of_the_goal_may_be_larger_than_the_frames(run: Path, tmp_path: Path) -> None:
    frame = GridWorld("grid-rooms", 64).render(GridState(3, 70))
    Image.fromarray(frame).save(tmp_path / "large.png")
    found = invoke("plan", run, "--goal", tmp_path / "large.png", "--moves", 1, "--out", tmp_path / "walk.gif")
    assert found.exit_code < 2, found.stderr


@pytest.mark.parametrize(("command", "names"), [("eval", NAMES), ("plan", WALKERS)])
def test_the_help_names_every_planner(command: str, names: tuple[str, ...]) -> None:
    assert f"{', '.join(names)}; else" in " ".join(invoke(command, "--help").stdout.split())


def test_a_picture_of_something_else_is_refused(run: Path, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(256, size=(16, 16, 3), dtype=np.uint8)
    for name, pixels in (("noise", noise), ("black", 0 * noise)):
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
        found = invoke("plan", run, "--goal", tmp_path / f"{name}.png", "--out", tmp_path / "walk.gif")
        assert found.exit_code == 2
        assert "expected a picture of grid-rooms" in found.stderr
        assert not (tmp_path / "walk.gif").exists()


def test_a_terminal_gets_pictures_of_any_number_of_channels() -> None:
    class Terminal:
        text = ""

        def write(self, text: str) -> None:
            self.text += text

        def isatty(self) -> bool:
            return True

    for channels in (1, 3, 5):
        terminal = Terminal()
        view = WalkView(terminal, "somewhere")  # pyright: ignore[reportArgumentType]
        frame = np.full((16, 16, channels), 255, np.uint8)
        view.show(Moment("up", frame, np.zeros((16, 16, channels)), np.zeros(4), np.zeros(2)))
        assert "\x1b[38;2;255;255;255m" in terminal.text
        assert "\x1b[38;2;0;0;0m" in terminal.text
        assert "off by 1.000" in terminal.text
        film = Film(frame, np.zeros((2, 3, 1)))
        film.add(Moment("start", frame, None, np.zeros(4), np.zeros(1)))
        assert film.gif().startswith(b"GIF8")
