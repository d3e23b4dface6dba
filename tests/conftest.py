"""A world, a model and a run small enough for a test."""

from collections.abc import Callable
from pathlib import Path

import pytest

from jepa_world_model.config_file import load_config
from jepa_world_model.model_config import Config

SMALL = (
    "model.image_size=16",
    "model.encoder_widths=[4, 8]",
    "model.decoder_widths=[4, 8]",
    "model.h_dim=12",
    "model.hidden_width=16",
    "data.episodes=6",
    "data.episode_length=12",
    "train.steps=4",
    "train.batch_size=2",
    "train.sequence_length=5",
    "train.device=cpu",
    "train.threads=1",
    "train.validate_every=2",
    "train.log_every=2",
)


@pytest.fixture
def small_config() -> Callable[..., Config]:
    """A tiny config on the embedded world, with further `table.key=value` on top."""

    def build(*overrides: str, file: Path | None = None) -> Config:
        return load_config(file, [*SMALL, *overrides])

    return build


@pytest.fixture
def small_settings() -> list[str]:
    """The same config as arguments of `jepa train`."""
    return [argument for setting in SMALL for argument in ("--set", setting)]
