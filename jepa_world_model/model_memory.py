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
        "the model",
        weights(model) * NUMBER,
        "lower the widths of [model], such as model.h_dim or model.hidden_width, or model.image_size",
    )


def check_training_memory(config: Config) -> None:
    """Raises UserError for a training whose weights, or frames of one part of a batch, do not fit."""
    check_model_memory(config.model)
    model = config.model
    check_memory("training", weights(model) * NUMBER * STATES, "lower the widths of [model]")
    side = model.image_size // model.encoder_patch_size
    convolved = sum(width * (side >> layer) ** 2 for layer, width in enumerate(model.encoder_widths, 1))
    for phase in config.phases:
        windows = phase.batch_size // config.train.accumulate
        frame = model.z_dim if phase.embedded else model.image_size**2 + convolved
        check_memory(
            "a batch",
            windows * phase.sequence_length * frame * NUMBER,
            "lower the batch size or the sequence length of [train], or model.image_size, or raise train.accumulate",
        )


def weights(model: ModelConfig) -> int:
    """How many weights the widest layers of a model have; there are more."""
    h, p, z, hidden = model.h_dim, model.p_dim, model.z_dim, model.hidden_width
    seen, drawn = (sum(map(prod, pairwise(widths))) for widths in (model.encoder_widths, model.decoder_widths))
    seen += model.encoder_patch_size**2 * model.encoder_widths[0]
    patch = model.decoder_patch_size
    grid = model.image_size // patch if patch > 1 else model.image_size >> len(model.decoder_widths)
    drawn = drawn + patch**2 * model.decoder_widths[0] if patch > 1 else KERNEL * drawn
    heads = (h + z + h + h + p + h + z + z + h + h + p + p + z) * hidden
    return KERNEL * seen + drawn + z * model.decoder_widths[-1] * grid**2 + heads
