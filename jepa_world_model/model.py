"""The fourteen modules, under the names of the gradient-flow contract."""

import torch
from torch import Tensor

from jepa_world_model.data.spec import DataSpec
from jepa_world_model.model_config import ModelConfig
from jepa_world_model.model_memory import check_model_memory
from jepa_world_model.modules.decoder import Decoder
from jepa_world_model.modules.encoder import Encoder
from jepa_world_model.modules.heads import DeltaProjector, Head, HiddenStateHead, Predictor
from jepa_world_model.modules.seen_actions import SeesActions
from jepa_world_model.phases import PERCEPTION

ROLES = {
    "perception": PERCEPTION,
    "dynamics": ("predictor", "h_to_z", "z_to_h"),
    "pose": ("p_action_delta_projector", "dp_action_delta_projector", "z_to_p"),
    "heads": (
        "h_action_delta_projector",
        "z_action_delta_projector",
        "inverse_dynamics_z",
        "inverse_dynamics_h",
        "inverse_dynamics_p",
        "inverse_dynamics_dp",
    ),
}
"""What the modules are there for."""


class WorldModel(SeesActions):
    """Modules only. What they are applied to, and where gradient stops, is in `states.py`.

    Every head always exists; one that no enabled loss reads is never called.
    """

    def __init__(self, config: ModelConfig, data: DataSpec) -> None:
        check_model_memory(config)
        super().__init__()
        self.config, self.data = config, data
        self.resting: frozenset[str] = frozenset()
        z, h, p, a = config.z_dim, config.h_dim, config.p_dim, data.action_width
        hidden, size, channels = config.hidden_width, config.image_size, data.channels
        normalise = config.delta_layer_norm

        self.encoder = Encoder(
            channels,
            size,
            config.encoder_widths,
            mean_frame=config.mean_frame,
            patch_size=config.encoder_patch_size,
            proprioception=data.proprioception_width,
        )
        self.decoder = Decoder(
            z,
            channels,
            size,
            config.decoder_widths,
            mean_frame=config.mean_frame,
            patch_size=config.decoder_patch_size,
        )
        self.predictor = Predictor((z, h, a), hidden, h, spectral=config.predictor_spectral_norm)
        self.h_to_z = Head((h,), hidden, z)
        self.z_to_h = HiddenStateHead((z,), hidden, h)

        self.h_action_delta_projector = DeltaProjector((h,), a, hidden, h, normalise=normalise)
        self.p_action_delta_projector = DeltaProjector((p, h), a, hidden, p, normalise=normalise)
        self.dp_action_delta_projector = DeltaProjector((), a, hidden, p, normalise=normalise)
        self.z_action_delta_projector = DeltaProjector((), a, hidden, z, normalise=normalise)

        self.inverse_dynamics_z = Head((z, z), hidden, a)
        self.inverse_dynamics_h = Head((h, h), hidden, a)
        self.inverse_dynamics_p = Head((p, p), hidden, a)
        self.inverse_dynamics_dp = Head((p,), hidden, a)

        self.z_to_p = Head((z,), hidden, p)

    def train(self, mode: bool = True) -> "WorldModel":
        """As of every module, but those that are `resting` stay in evaluation mode: none of their statistics move."""
        super().train(mode)
        for name in self.resting:
            self.get_submodule(name).eval()
        return self

    @torch.no_grad()
    def set_mean_frame(self, frame: Tensor) -> None:
        """A frame [C, H, W] that encoder and decoder take as the ground from which frames differ."""
        self.encoder.mean_frame.copy_(frame)
        self.decoder.mean_frame.copy_(frame)
