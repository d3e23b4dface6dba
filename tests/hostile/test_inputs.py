"""Nothing that a user types or opens ends in a traceback, a hang or a loss: every command with hostile inputs."""

from pathlib import Path

import pytest

from tests.hostile.drive import complaints
from tests.hostile.inputs import BASES, OUTPUTS, commands, lines, settings

LINES, KEYS = list(lines()), list(settings())
PIECES = 4


def test_every_command_is_driven() -> None:
    assert {words for words, _ in commands()} <= BASES.keys()
    assert len(LINES) + len(KEYS) >= 500


@pytest.mark.parametrize("piece", range(PIECES))
def test_no_value_of_an_option_does_harm(piece: int, place: Path) -> None:
    found = {}
    for line in LINES[piece::PIECES]:
        named = [line[-1]] if line[-2] in ("--out", "--output") else []
        if wrong := complaints(line, (*OUTPUTS, *named)):
            found[" ".join(line)[:200]] = wrong
    assert found == {}


def test_no_setting_does_harm(place: Path) -> None:
    found = {key[:200]: wrong for key in KEYS if (wrong := complaints(["train", "--print-config", "--set", key]))}
    assert found == {}
