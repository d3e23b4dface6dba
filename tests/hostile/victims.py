"""The commands that write files, as victims of kills: small ones."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from jepa_world_model.config_file import load_config
from jepa_world_model.run import run_training
from jepa_world_model.training.observer import Observer
from tests.conftest import SMALL
from tests.hostile.inputs import TRAINER
from tests.hostile.kills import Victim, quietly

CHECKPOINTS = ("train.checkpoint_every_steps=2", "train.keep_checkpoints=1")
PHASES = (
    "train.steps=8",
    "train.perception_share=0.4",
    "train.perception_batch_size=4",
    "train.perception_sequence_length=2",
    "train.validate_every=4",
    "model.mean_frame=true",
    *(f"losses.{name}=1" for name in ("recon_hard", "action_delta_q", "scale_q", "apart_q", "anchor_dp", "still_dp")),
)
"""Perception first, then the rest on stored z."""
RECORDING = ["collect", "--env", "grid-rooms", "--episodes", "5", "--max-steps", "12", "--size", "16", "--out"]
AUDIT = ["audit-grads", "--target", "trainer:target", "--table", "FLOW.md", "--update"]
EVALUATION = ["eval", "run", "--episodes", "4", "--tasks", "1", "--planners", "random"]


class Inputs:
    """What the commands find, made once."""

    def __init__(self, folder: Path) -> None:
        self.run, self.data = folder / "run", folder / "data"
        run_training(load_config(None, [*SMALL, "train.steps=2"]), self.run, Observer())
        quietly([*RECORDING, str(self.data)])

        for episode in range(4):
            _draw(folder / "pictures" / f"walk_{episode}", np.random.default_rng(episode))
        self.pictures = folder / "pictures"

    def copy_pictures(self) -> None:
        """Into the current folder, where what is converted is kept, too."""
        shutil.copytree(self.pictures, "pictures")
        os.environ["XDG_CACHE_HOME"] = os.path.abspath("cache")

    def copy_run(self) -> None:
        """Into the current folder."""
        shutil.copytree(self.run, "run")

    def copy_data(self) -> None:
        """Into the current folder."""
        shutil.copytree(self.data, "data")


def _draw(folder: Path, rng: np.random.Generator) -> None:
    folder.mkdir(parents=True)
    for number, frame in enumerate(rng.integers(0, 255, (12, 16, 16, 3), dtype=np.uint8)):
        Image.fromarray(frame).save(folder / f"{number}.png")
    np.savez(folder / "actions.npz", actions=np.eye(4)[np.arange(12) % 4])


def victim(name: str, inputs: Inputs) -> Victim:
    """The command of this name."""
    return VICTIMS[name](inputs)._replace(name=name)


def _training(*settings: str, prepare: Callable[[], object] = lambda: None) -> Victim:
    begin = ["train", "--out", "out", *(part for key in (*SMALL, *CHECKPOINTS, *settings) for part in ("--set", key))]
    go_on = ["train", "--resume", "out"]
    return Victim(prepare, lambda: go_on if Path("out/config.toml").exists() else begin, _trained, "out/")


def _trained(name: str, content: bytes) -> bytes | None:
    return None if name.endswith("status.json") or name.startswith("cache/") else content


def _recording() -> list[str]:
    """A recording goes into a new folder: what a killed one has left is removed first."""
    shutil.rmtree("data", ignore_errors=True)
    return [*RECORDING, "data"]


def _conversion() -> list[str]:
    shutil.rmtree("data", ignore_errors=True)
    return ["data", "convert", "pictures", "data", "--size", "16"]


def _recorded(name: str, content: bytes) -> bytes | None:
    return None if ".partial/" in name else content


def _converted(name: str, content: bytes) -> bytes | None:
    """dataset.json has the whole path of what was converted."""
    here = os.path.realpath(".").encode()
    return _recorded(name, content.replace(here, b"") if name == "data/dataset.json" else content)


def _document() -> None:
    Path("trainer.py").write_text(TRAINER)
    Path("FLOW.md").write_text("# Flow\n\nWritten by hand.\n")


def _evaluated(name: str, content: bytes) -> bytes | None:
    """A page has times in it, too."""
    if name.endswith(".json") and "evaluation" in name:
        return json.dumps(_without_times(json.loads(content))).encode()
    return None if name.endswith(".html") and content.endswith(b"</html>\n") else _trained(name, content)


def _without_times(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_times(each) for each in value]
    if isinstance(value, dict):
        return {key: _without_times(each) for key, each in value.items() if not key.startswith("seconds")}
    return value


VICTIMS: dict[str, Callable[[Inputs], Victim]] = {
    "train": lambda inputs: _training(),
    "train in phases": lambda inputs: _training(*PHASES),
    "train on a folder": lambda inputs: _training("data.source=data", prepare=inputs.copy_data),
    "train from a run": lambda inputs: _training("train.init=run", prepare=inputs.copy_run),
    "train on pictures": lambda inputs: _training("data.source=pictures", prepare=inputs.copy_pictures),
    "data convert": lambda inputs: Victim(inputs.copy_pictures, _conversion, _converted),
    "collect": lambda inputs: Victim(lambda: None, _recording, _recorded),
    "audit-grads --update": lambda inputs: Victim(_document, lambda: AUDIT),
    "eval": lambda inputs: Victim(inputs.copy_run, lambda: EVALUATION, _evaluated),
}
