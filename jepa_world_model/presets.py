"""Named settings that a config starts from; what a file or `--set` says comes on top.

`reference` is the declared defaults: the fourteen losses of the design, all with weight 1, in one phase. `recommended`
trains a model that plans; docs/log.md has what led to it, and README.md what each of them reaches.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

PresetName = Literal["recommended", "reference"]

DEFAULT: PresetName = "recommended"

PRESETS: dict[str, dict[str, dict[str, Any]]] = {
    "recommended": {
        "losses": {
            "recon_multi_box": 0.0,
            "pixel_delta_multi_box": 0.0,
            "recon_hard": 1.0,
            "jepa": 10.0,
            "h2z": 10.0,
            "rollout_kstep_h": 4.0,
            "inverse_dynamics_h": 0.1,
            "action_delta_dp": 0.0,
            "additivity_dp": 0.1,
            "rollout_kstep_p": 0.1,
            "scale_dp": 0.1,
            "geometry_rank_p": 0.0,
            "action_delta_q": 20.0,
            "scale_q": 1.0,
            "apart_q": 3.0,
            "loop_q": 3.0,
            "anchor_dp": 10.0,
            "still_dp": 1.0,
        },
        "train": {
            "steps": 6000,
            "perception_share": 0.13,
            "perception_learning_rate": 4e-3,
            "batch_size": 32,
            "rollout_horizon": 7,
            "learning_rate": 4e-3,
            "learning_rate_floor": 0.0,
            "validate_every": 250,
            "checkpoint_every_steps": 250,
        },
        "model": {
            "encoder_widths": [32, 64],
            "encoder_patch_size": 4,
            "decoder_widths": [128, 64],
            "decoder_patch_size": 8,
            "h_dim": 128,
            "pose_dim": 16,
            "hidden_width": 256,
            "mean_frame": True,
        },
        "data": {"episodes": 1200},
    },
    "reference": {},
}
"""By preset, by table: what differs from the declared defaults."""


def on_preset(
    values: Mapping[str, Any], otherwise: str | None = None, *, base: PresetName | None = None
) -> dict[str, Any]:
    """The tables of a config on top of the preset that it names, else of the one given, else of the default one.

    `base` has the settings that a whole config lacks, whatever preset it names: one that an earlier version wrote lacks
    later settings, and was not trained as that preset says today.

    A name that is no preset, and a table that is none, stay as they are: the validation explains them.
    """
    name = values.get("preset", otherwise or DEFAULT)
    chosen = base or name
    preset = PRESETS.get(chosen, {}) if isinstance(chosen, str) else {}
    merged = {
        table: {**preset.get(table, {}), **given} for table, given in values.items() if isinstance(given, Mapping)
    }
    return {**preset, **values, **merged, "preset": name}
