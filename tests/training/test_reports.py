"""What is reported about a run that has trained can never fail it."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from jepa_world_model import run as run_module
from jepa_world_model.data import split_episodes
from jepa_world_model.errors import UserError
from jepa_world_model.model_config import Config
from jepa_world_model.pictures.axis_scale import scaled
from jepa_world_model.pictures.principal_axes import principal_axes
from jepa_world_model.pictures.run_pictures import draw_pictures, loss_curves
from jepa_world_model.pictures.walk_film import Film, Moment
from jepa_world_model.run import open_config_source, run_training
from jepa_world_model.training.observer import Observer
from jepa_world_model.training.run_folder import RunFolder
from jepa_world_model.training.signals import DeferredSignals
from jepa_world_model.vitals import effective_rank


class Listener(Observer):
    def __init__(self) -> None:
        self.warnings: list[str] = []

    def on_warning(self, message: str) -> None:
        self.warnings.append(message)


def data(folder: Path, *, channels: int = 3) -> Path:
    """Episodes of noise."""
    rng = np.random.default_rng(0)
    for number in range(4):
        episode = folder / f"episode_{number}"
        episode.mkdir(parents=True)
        np.save(episode / "frames.npy", rng.integers(0, 255, (12, 16, 16, channels), dtype=np.uint8))
        np.save(episode / "actions.npy", np.eye(4)[np.arange(12) % 4])
    return folder


def test_a_report_that_fails_is_a_warning_and_the_run_is_finished(
    small_config: Callable[..., Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise np.linalg.LinAlgError("did not converge")

    monkeypatch.setattr(run_module, "draw_pictures", fail)
    monkeypatch.setattr(run_module, "describe", fail)
    listener = Listener()
    outcome = run_training(small_config("train.steps=1"), tmp_path / "run", listener)
    assert outcome.steps == 1
    assert listener.warnings == [
        "the pictures are incomplete: LinAlgError: did not converge",
        "there is no summary: LinAlgError: did not converge",
    ]
    assert json.loads((tmp_path / "run" / "status.json").read_text())["state"] == "finished"


def test_frames_of_any_channels_are_drawn(small_config: Callable[..., Config], tmp_path: Path) -> None:
    config = small_config(f"data.source={data(tmp_path / 'data', channels=5)}", "train.steps=1", "train.batch_size=2")
    listener = Listener()
    run_training(config, tmp_path / "run", listener)
    assert listener.warnings == []
    assert len(list((tmp_path / "run" / "pictures").iterdir())) == 3


def test_a_nan_among_held_out_actions_is_refused_before_the_first_step(
    small_config: Callable[..., Config], tmp_path: Path
) -> None:
    config = small_config(f"data.source={data(tmp_path / 'data', channels=5)}", "train.steps=1", "train.batch_size=2")
    held_out = split_episodes(open_config_source(config), config.data.validation_fraction, config.data.seed)[1]
    file = tmp_path / "data" / f"episode_{held_out[0]}" / "actions.npy"
    actions = np.load(file)
    actions[5] = np.nan
    np.save(file, actions)
    with pytest.raises(UserError, match=rf"{file.parent.name}/actions.npy, row 5: found nan"):
        run_training(config, tmp_path / "run", Listener())


def test_one_picture_that_fails_costs_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = RunFolder(tmp_path)
    monkeypatch.setattr("jepa_world_model.pictures.run_pictures.held_out_states", lambda trainer: 1 / 0)
    rows = [{"split": "validation", "step": step, "losses": {"jepa": 0.0}, "vitals": {}} for step in (0, 1)]
    run.append_metrics(rows)
    with pytest.raises(UserError, match=r"reconstructions.png \(division by zero\); .*imagination.png"):
        draw_pictures(None, run)  # pyright: ignore[reportArgumentType]
    assert [file.name for file in run.pictures.iterdir()] == ["losses.png"]


def test_a_loss_of_zero_is_no_cliff_and_axes_are_labelled() -> None:
    rows = [
        {"split": split, "step": step, "losses": {"jepa": value, "recon": value + 1}}
        for split in ("train", "validation")
        for step, value in enumerate((5.0, 0.1, 0.0))
    ]
    figure = loss_curves(rows)
    jepa, recon, *_ = figure.axes
    assert (jepa.get_yscale(), recon.get_yscale()) == ("linear", "log")
    assert (figure.get_supxlabel(), figure.get_supylabel()) == ("step", "loss, without its weight")
    scaled(jepa, [float("nan")])


def test_vectors_that_are_no_numbers_have_no_rank_and_no_place_on_a_map() -> None:
    broken = np.array([[1.0, 2.0, 3.0], [np.nan, 0.0, 0.0], [3.0, 1.0, 0.0]])
    assert torch.isnan(effective_rank(torch.tensor(broken)))
    assert np.isfinite(principal_axes(broken)(broken)[[0, 2]]).all()
    nothing = np.full((2, 3), np.nan)
    assert principal_axes(nothing)(nothing).shape == (2, 2)
    film = Film(np.zeros((4, 4, 2), np.uint8), broken[None])
    film.add(Moment("start", np.zeros((4, 4, 2), np.uint8), None, broken[0], broken[1]))
    assert film.gif()


def test_a_display_that_nobody_has_is_not_asked_for() -> None:
    code = "from jepa_world_model.pictures.matplotlib_figure import Figure as F; F().savefig('/dev/null', format='png')"
    for display in ("nonsense", "module://matplotlib_inline.backend_inline"):
        environment = {"MPLBACKEND": display, "PYTHONPATH": str(Path(__file__).parents[2])}
        subprocess.run([sys.executable, "-c", code], check=True, env=environment)


def test_a_terminal_that_is_closed_saves_unless_nohup_asks_otherwise() -> None:
    before = signal.getsignal(signal.SIGHUP)
    try:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        with DeferredSignals() as signals:
            signal.raise_signal(signal.SIGHUP)
        assert signals.signal == signal.SIGHUP
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        with DeferredSignals() as signals:
            signal.raise_signal(signal.SIGHUP)
        assert signals.signal is None
    finally:
        signal.signal(signal.SIGHUP, before)
