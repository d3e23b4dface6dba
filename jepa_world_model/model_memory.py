"""What a model and its training need of memory, estimated from the config: too little rather than too much."""

from __future__ import annotations

from itertools import pairwise
from math import prod

from jepa_world_model.memory import check_memory
from jepa_world_model.model_config import Config, ModelConfig

NUMBER = 4
"""Bytes of a float32."""
STATES = 4
"""A weight, its gradient, and two moments of the optimizer."""
KERNEL = 9


def check_model_memory(model: ModelConfig) -> None:
    """Raises UserError for a model that does not fit."""
    check_memory(
        "the model", weights(model) * NUMBER, "lower the widths of [model], such as model.h_dim or model.hidden_width"
    )


def check_training_memory(config: Config) -> None:
    """Raises UserError for a training whose weights, or frames of one part of a batch, do not fit."""
    check_model_memory(config.model)
    train, model = config.train, config.model
    frames = train.batch_size // train.accumulate * train.sequence_length
    convolved = sum(width * (model.image_size >> layer) ** 2 for layer, width in enumerate(model.encoder_widths, 1))
    pixels = frames * (model.image_size**2 + convolved) * NUMBER
    check_memory("training", weights(model) * NUMBER * STATES, "lower the widths of [model]")
    check_memory(
        "a batch",
        pixels,
        "lower train.batch_size, train.sequence_length or model.image_size, or raise train.accumulate",
    )


def weights(model: ModelConfig) -> int:
    """How many weights the widest layers of a model have; there are more."""
    h, p, z, hidden = model.h_dim, model.p_dim, model.z_dim, model.hidden_width
    convolutions = [*pairwise(model.encoder_widths), *pairwise(model.decoder_widths)]
    heads = (h + z + h + h + p + h + z + z + h + h + p + p + z) * hidden
    return KERNEL * sum(map(prod, convolutions)) + heads
