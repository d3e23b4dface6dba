"""One name opens any data set, and a wrong one says what would have been right."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from jepa_world_model.data import EpisodeSource, open_source
from jepa_world_model.data.episode_writer import EpisodeWriter
from jepa_world_model.data.episodes import Episode
from jepa_world_model.data.spec import ActionKind
from jepa_world_model.errors import UserError


def open_it(source: str | Path, **changes: Any) -> EpisodeSource:
    settings: dict[str, Any] = {"image_size": 64, "episodes": 2, "episode_length": 8, "seed": 0} | changes
    return open_source(str(source), **settings)


@pytest.fixture
def written(tmp_path: Path, make_episode: Callable[..., Episode]) -> Path:
    with EpisodeWriter(tmp_path / "set", action_kind=ActionKind.REAL) as writer:
        writer.add(make_episode(0, 5))
    return tmp_path / "set"


def test_embedded() -> None:
    source = open_it("grid-rooms")
    assert source.name == "grid-rooms"
    assert source.lengths.tolist() == [8, 8]


def test_open_format_with_and_without_dataset_json(written: Path) -> None:
    assert open_it(written, image_size=4).spec.action_kind is ActionKind.REAL
    (written / "dataset.json").unlink()
    assert open_it(written, image_size=4).lengths.tolist() == [5]


def test_image_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    run = tmp_path / "images/run"
    run.mkdir(parents=True)
    for time in range(3):
        Image.new("RGB", (8, 8)).save(run / f"{time}.png")
    np.savez(run / "actions.npz", actions=np.ones((3, 2)))
    said: list[tuple[int, int]] = []
    source = open_it(tmp_path / "images", on_progress=lambda done, total: said.append((done, total)))
    assert source.spec.image_size == 64
    assert source.spec.action_kind is ActionKind.MULTI_HOT
    assert said == [(1, 1)]
    with pytest.raises(UserError, match="name the folder above it"):
        open_it(run)


@pytest.mark.parametrize("kind", list(ActionKind))
def test_action_kind_overrides_what_is_recorded(written: Path, kind: ActionKind) -> None:
    assert open_it(written, image_size=4, action_kind=kind.value).spec.action_kind is kind
    assert open_it("grid-loops", action_kind=kind.value).spec.action_kind is kind


def test_unknown_action_kind() -> None:
    with pytest.raises(UserError, match="did you mean 'one-hot'"):
        open_it("grid-loops", action_kind="onehot")


def test_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(UserError, match=r"'grid-room': neither a folder nor one of grid-rooms.*did you mean"):
        open_it("grid-room")


def test_a_folder_of_something_else_lists_what_was_expected(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(UserError, match=r"episode_\*.*frames\.npy.*dataset\.json.*actions\.npz"):
        open_it(tmp_path)


def test_one_episode_instead_of_the_set(written: Path) -> None:
    with pytest.raises(UserError, match="name the folder above it"):
        open_it(written / "episode_000000")


def test_another_image_size_names_both_remedies(written: Path) -> None:
    with pytest.raises(UserError, match=r"found 4x4.*--set model\.image_size=4.*--size 64"):
        open_it(written)


HEAVY = ("torch", "PIL", "gymnasium")


def imported_after(statement: str) -> str:
    probe = f"import sys; {statement}; print([name for name in {HEAVY} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    return run.stdout.strip()


def test_importing_the_package_stays_light() -> None:
    assert imported_after("import jepa_world_model.data") == "[]"


def test_the_probe_for_heavy_imports_can_fail() -> None:
    assert imported_after("import PIL") == "['PIL']"
