"""Runs that begin at one moment get a folder each."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from jepa_world_model.errors import UserError
from jepa_world_model.model_config import Config
from jepa_world_model.run import run_training
from jepa_world_model.training.observer import Observer
from jepa_world_model.training.run_folder import RunFolder
from jepa_world_model.training.run_lock import InUse, new_folder

TOGETHER = 4
ROUNDS = 5


def at_once(work: Callable[[], object]) -> list[object]:
    """What several threads get that begin at one moment."""
    ready = threading.Barrier(TOGETHER, timeout=20)

    def begin(_: int) -> object:
        ready.wait()
        return work()

    with ThreadPoolExecutor(TOGETHER) as pool:
        return list(pool.map(begin, range(TOGETHER)))


@pytest.mark.parametrize("there", [False, True], ids=["new", "empty"])
def test_of_runs_that_begin_in_one_folder_one_gets_it(
    there: bool, small_config: Callable[..., Config], tmp_path: Path
) -> None:
    config = small_config()
    for number in range(ROUNDS):
        run = tmp_path / str(number)
        over = threading.Barrier(TOGETHER, timeout=20)
        if there:
            run.mkdir()

        def hold(run: Path = run, over: threading.Barrier = over) -> bool:
            try:
                with RunFolder.begun(run, config):
                    over.wait()
                    return True
            except UserError:
                over.wait()
                return False

        assert at_once(hold).count(True) == 1
        assert [file.name for file in run.iterdir()] == ["config.toml"]


def test_new_folders_are_never_shared(tmp_path: Path) -> None:
    for number in range(ROUNDS):
        made = at_once(lambda number=number: new_folder(tmp_path / str(number), "grid"))
        assert sorted(map(str, made)) == [str(tmp_path / str(number) / f"grid-{n:03d}") for n in range(1, TOGETHER + 1)]


def test_a_folder_that_somebody_else_has_claimed_first_is_left_to_them(
    small_config: Callable[..., Config],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    quick_pictures: None,
) -> None:
    monkeypatch.chdir(tmp_path)
    first = tmp_path / "runs" / "grid-rooms-001"
    with RunFolder.begun(first, small_config()):
        with pytest.raises(InUse, match="trained by another process"):
            run_training(small_config(), first, Observer())
        run_training(small_config("train.steps=1"), None, Observer())
    assert (tmp_path / "runs" / "grid-rooms-002" / "summary.md").exists()
    with pytest.raises(UserError, match="already holds a run"), RunFolder.begun(first, small_config()):
        pass
