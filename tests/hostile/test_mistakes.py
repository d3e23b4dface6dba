"""Everyday mistakes, each with the words that its message must have: a table, a row for each kind."""

import shlex
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from jepa_cli.app import app
from tests.hostile.drive import complaints

POLICIES = """
def none(seen): return None
def digits(seen): return 10**5000
def array(seen):
    import numpy as np
    return np.zeros((1000, 1000))
def two(seen, more): return 0
async def awaited(seen): return 0
class Odd:
    def __repr__(self): raise RuntimeError("odd")
def odd(seen): return Odd()
"""
MISTAKES = {
    # true is 1 in Python, and a slip of the pen in a config
    "train --set train.steps=true": "train.steps: expected a whole number, found true",
    "train --set 'model.encoder_widths=[4, true]'": "model.encoder_widths: expected a whole number, found [4, True]",
    "check-weights --no-measure --set data.seed=false": "data.seed: expected a whole number, found false",
    "train --set model.pose_dim=true": "model.pose_dim: expected a whole number, found true",
    "train --config true.toml": "data.episodes: expected a whole number, found true",
    "train --set train.steps=2020-01-01": "train.steps: expected a whole number, found 2020-01-01",
    # what a policy returns
    "collect --env grid-rooms --out new --policy policies:none": "policy policies:none: expected an action from 0 to 4",
    "collect --env grid-rooms --out new --policy policies:digits": "found a number of too many digits",
    "collect --env grid-rooms --out new --policy policies:array": "found array([[0., 0., 0., ..., 0., 0., 0.],",
    "collect --env grid-rooms --out new --policy policies:odd": "found a Odd",
    "collect --env grid-rooms --out new --policy policies:two": "expected a function of one argument",
    "collect --env grid-rooms --out new --policy policies:awaited": "found one to be awaited",
    "collect --env CartPole-v1 --out new --policy policies:none": "an action of Discrete(2), found None",
    "collect --env CartPole-v1 --out new --env-arg render_mode=human": "render_mode is rgb_array in a recording",
    # where a folder is expected
    "collect --env grid-rooms --out trainer.py": "expected a new or empty folder, found a file or a link",
    "collect --env grid-rooms --out dangling": "expected a new or empty folder, found a file or a link",
    "collect --env grid-rooms --out new --size 100": "(or --size 64)",
    # lists of names
    "eval run --planners ,": "--planners ,: expected names between commas",
    "eval run --planners random,,oracle": "--planners random,,oracle: expected names between commas",
    # what an option takes
    "eval run --tasks x": "Invalid value for '--tasks': expected a whole number, found 'x'",
    "plan run --moves 1.5": "Invalid value for '--moves': expected a whole number, found '1.5'",
    "train --audit-every 0": "Invalid value for '--audit-every': expected a number greater than or equal to 1, found",
    "collect --env x --out y --sticky 3": "expected a number less than or equal to 1",
    "collect --env x --out y --sticky nan": "expected a number",
    # data
    "train --data short --set model.image_size=16": "the longest has 1; record longer",
}
RIGHT = (
    "train --print-config --config mark.toml",
    "check-weights --no-measure mark.toml",
    "eval run --episodes 4 --tasks 1 --planners 'random, random'",
    "train --init run --steps 1 --out new --set data.episodes=6 --set data.episode_length=12 --device cpu --threads 1",
)


def make(folder: Path) -> None:
    (folder / "policies.py").write_text(POLICIES)
    (folder / "true.toml").write_text("[data]\nepisodes = true\n")
    (folder / "mark.toml").write_bytes(b"\xef\xbb\xbf[train]\nsteps = 3\n")
    for number in range(2):
        episode = folder / "short" / f"episode_{number}"
        episode.mkdir(parents=True)
        np.save(episode / "frames.npy", np.zeros((1, 16, 16, 3), np.uint8))
        np.save(episode / "actions.npy", np.zeros((1, 4)))


def test_each_mistake_is_told_in_its_own_words(place: Path) -> None:
    make(place)
    found = {}
    for line, words in MISTAKES.items():
        wrong = complaints(shlex.split(line), expected=2)
        told = CliRunner().invoke(app, shlex.split(line)).stderr
        if wrong or words not in told:
            found[line] = (wrong, told)
    sys.modules.pop("policies", None)
    assert not found, found


def test_what_is_no_mistake_is_carried_out(place: Path) -> None:
    make(place)
    found = {line: wrong for line in RIGHT if (wrong := complaints(shlex.split(line), ["run", "new"], expected=0))}
    assert not found, found


@pytest.mark.parametrize("line", ["audit-grads", "train", "runs list", "collect --env grid-rooms --out new"])
def test_a_current_folder_that_was_removed_is_told(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    ended = CliRunner().invoke(app, shlex.split(line))
    assert ended.exit_code == 2
    assert ended.stderr.startswith("Error: the current folder was removed")
