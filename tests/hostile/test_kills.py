"""A command that is killed at any moment loses nothing, and ends with the same bytes when it is typed again."""

import os
import random
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest

from audits import files
from tests.conftest import sketched_pictures
from tests.hostile.kills import FLUSH, Whole, measured, survives
from tests.hostile.victims import VICTIMS, Inputs, victim

KILLS = {
    "train": 4,
    "train in phases": 6,
    "train on a folder": 2,
    "train from a run": 2,
    "train on pictures": 4,
    "data convert": 10,
    "collect": 10,
    "audit-grads --update": 10,
    "eval": 2,
}
"""More of what is quickly done; benchmarks/kill_commands.py makes a thousand."""


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inputs]:
    with sketched_pictures(), patch.dict(os.environ):
        yield Inputs(tmp_path_factory.mktemp("inputs"))


def test_fifty_kills_hit_every_command_that_writes() -> None:
    assert KILLS.keys() == VICTIMS.keys()
    assert sum(KILLS.values()) == 50


@pytest.mark.slow
@pytest.mark.parametrize("name", VICTIMS)
def test_a_kill_at_any_moment_loses_nothing(name: str, inputs: Inputs) -> None:
    killed = victim(name, inputs)
    whole, moments, done = measured(killed), random.Random(name), 0
    while done < KILLS[name]:
        kills, lost = survives(killed, whole, moments, most=min(3, KILLS[name] - done))
        assert lost == [], [str(kill) for kill in kills]
        done += len(kills)


@pytest.mark.slow
def test_a_file_that_is_written_in_place_is_found(inputs: Inputs, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check itself: without the temporary name, a kill in the middle of a file leaves half of it."""

    def in_place(path: Path, content: str | bytes) -> None:
        with path.open("wb") as opened:
            opened.write(content.encode() if isinstance(content, str) else content)
            opened.flush()
            files.flush(opened.fileno())

    monkeypatch.setattr(files, "replace_file", in_place)
    killed = victim("audit-grads --update", inputs)
    whole = measured(killed)
    only_flushes = Whole(0, whole.flushes, 0.0, whole.left)
    assert whole.flushes
    found = [survives(killed, only_flushes, random.Random(seed), most=1) for seed in range(6)]
    assert any("neither as before" in loss for kills, lost in found for loss in lost if kills and kills[0].how == FLUSH)
