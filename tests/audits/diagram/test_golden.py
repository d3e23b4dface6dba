"""Pictures are drawn as they were, byte for byte but for line numbers."""

import subprocess
import sys
from pathlib import Path

import pytest

from audits.diagram.composing import compose
from audits.diagram.drawing import source
from jepa_world_model.gradient_flow.target import LEGEND
from tests.audits.diagram.golden import FOLDER, GOLDEN, drawn
from tests.audits.diagram.world import OPEN, world

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("name", GOLDEN)
def test_a_picture_is_as_it_was(name: str) -> None:
    assert drawn(name) == (FOLDER / name).read_text(encoding="utf-8"), "python -m tests.audits.diagram.golden"


def test_no_golden_picture_is_left_over() -> None:
    assert {file.name for file in FOLDER.iterdir()} == set(GOLDEN)


def test_another_routing_is_another_picture() -> None:
    assert len({source(compose(world(gates), LEGEND)) for gates in ({}, OPEN, {"detach_decoder": True})}) == 3


def test_the_same_input_gives_the_same_bytes_in_another_process() -> None:
    """With another seed of Python's hashes, on which the order of a set depends."""
    code = "from tests.audits.diagram.golden import *; import sys; sys.stdout.write(drawn('default.dot'))"
    runs = [
        subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env={"PYTHONHASHSEED": seed}, capture_output=True, check=True
        )
        for seed in ("1", "2")
    ]
    assert runs[0].stdout.decode() == runs[1].stdout.decode() == drawn("default.dot")
