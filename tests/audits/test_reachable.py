"""How far the audit looks for what a forward pass may write to."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType, ModuleType

import pytest

from audits.isolation.reachable import LIMIT, reachable
from jepa_world_model.gradient_flow.target import jepa_target
from jepa_world_model.model_config import Config

SOURCE = """
{first}

STATE = {{"calls": 0}}


class Schedule:
    shared = [0]

    def __init__(self):
        self.own = {{"steps": 0}}


def weight(x):
    STATE["calls"] += 1
    return x
"""


@pytest.fixture
def package(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[ModuleType]:
    """A package of one file that lies where it is told, with a first line as it is told."""
    folder, first = request.param
    name = f"package_of_{request.node.callspec.id.replace('-', '_')}"
    where = tmp_path / folder
    where.mkdir()
    (where / f"{name}.py").write_text(SOURCE.format(first=first))
    sys.path.insert(0, str(where))
    yield importlib.import_module(name)
    sys.path.remove(str(where))
    del sys.modules[name]


OWN = pytest.param(("trainer", ""), id="own")
OF_TORCH = pytest.param(("site-packages", "from torch import nn"), id="torch")
LIBRARY = pytest.param(("site-packages", "import json"), id="library")


@pytest.mark.parametrize("package", [OWN, OF_TORCH], indirect=True)
def test_what_code_of_a_trainer_keeps_is_reached(package: ModuleType) -> None:
    found = list(map(id, reachable([package.weight, package.Schedule()])))
    assert id(package.STATE) in found
    assert id(package.Schedule.shared) in found


@pytest.mark.parametrize("package", [LIBRARY], indirect=True)
def test_code_of_a_library_without_torch_is_not_followed_and_its_objects_are(package: ModuleType) -> None:
    schedule = package.Schedule()
    found = list(map(id, reachable([package.weight, schedule])))
    assert id(schedule.own) in found
    assert id(package.STATE) not in found
    assert id(package.Schedule.shared) not in found


def test_the_world_model_leads_to_nothing_of_the_libraries_that_it_is_read_with() -> None:
    target = jepa_target(Config())
    found = list(reachable([target]))
    code = {value.__module__.partition(".")[0] for value in found if isinstance(value, type | FunctionType)}
    assert "jepa_world_model" in code
    assert not code & {"pytest", "_pytest", "pluggy", "anyio"}  # pydantic looks for plugins, and finds those of pytest
    assert len(found) < LIMIT / 2
