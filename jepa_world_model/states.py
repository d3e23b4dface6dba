"""What one batch becomes: every state of the world model, each computed at its first read, once.

The three gates act in this file, on one line each, and nowhere else. The one other stop here is the seed of h; all
further stop-gradients are declared in the signature of the loss that uses them.

Axes: B batch, T frames, K rollout horizon, C H W image, A action, Dz Dh Dp widths.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import torch
from torch import Tensor

from jepa_world_model.gradient import gate, stop
from jepa_world_model.model import WorldModel
from jepa_world_model.model_config import ModelConfig, TrainConfig
from jepa_world_model.pyramid import pyramid


@dataclass(frozen=True, kw_only=True)
class Gates:
    """Where routing is switched. True closes the gate: stop-grad."""

    detach_z_from_h_and_p: bool = True
    detach_decoder: bool = False
    pose_delta_detach_h: bool = True

    @staticmethod
    def of(model: ModelConfig, train: TrainConfig) -> "Gates":
        return Gates(
            detach_z_from_h_and_p=train.detach_z_from_h_and_p,
            detach_decoder=train.detach_decoder,
            pose_delta_detach_h=model.pose_delta_detach_h,
        )


class Rollout(NamedTuple):
    """Imagined, one to K steps deep; the embeddings lie between the hidden states, K - 1 of them."""

    h: tuple[Tensor, ...]
    z: tuple[Tensor, ...]


class States:
    """All states of one batch. Attributes are computed when first read; one that is never read costs nothing."""

    x: Tensor
    """Frames. [B, T, C, H, W]"""
    s: Tensor
    """Proprioception, where the encoder sees one beside each frame. [B, T, P]"""

    def __init__(
        self,
        model: WorldModel,
        x: Tensor | None,
        a: Tensor,
        *,
        gates: Gates,
        horizon: int,
        z: Tensor | None = None,
        s: Tensor | None = None,
    ) -> None:
        """Frames x [B, T, C, H, W] in [0, 1], actions a [B, T, A] as they were taken; `horizon` is K, the depth of
        imagined rollouts. What losses read as ``a`` is how the model sees them.

        A model that sees proprioception gets it as s [B, T, P]. Where z [B, T, Dz] is known already it takes the place
        of frames, which then no loss can read.
        """
        self.model, self.a, self.gates, self.horizon = model, model.seen(a), gates, horizon
        if x is not None:
            self.x = x
        if s is not None:
            self.s = s
        if z is not None:
            self.z = z
        self.action_kind = model.data.action_kind

    @property
    def names(self) -> list[str]:
        """Everything that a loss may read."""
        own = {name for name in (*vars(self), *dir(type(self))) if not name.startswith("_")}
        return sorted(own - {"names"} | set(self.model._modules))

    def __contains__(self, name: str) -> bool:
        """Whether there is a state, an input or a module of this name."""
        return name in self.model._modules or name in vars(self) or hasattr(type(self), name)

    def __getitem__(self, name: str) -> Any:
        """A state, an input or a module of the model, by the name that a loss gives it."""
        return self.model.get_submodule(name) if name in self.model._modules else getattr(self, name)

    # Gates ------------------------------------------------------------------------------------------------------

    @cached_property
    def z_for_dynamics(self) -> Tensor:
        """z where it feeds the predictor, through it the rollouts of h and p, and the poses of places. [B, T, Dz]"""
        return gate(self.z, closed=self.gates.detach_z_from_h_and_p)

    def decode(self, z: Tensor) -> Tensor:
        """z [..., Dz] to frames [..., C, H, W]."""
        return self.model.decoder(gate(z, closed=self.gates.detach_decoder))

    def pose_increment(self, p: Tensor, h: Tensor, a: Tensor) -> Tensor:
        """Δp at pose p [..., Dp], in hidden state h [..., Dh], under action a [..., A]."""
        return self.model.p_action_delta_projector(p, gate(h, closed=self.gates.pose_delta_detach_h), a)

    # z: place ---------------------------------------------------------------------------------------------------

    @cached_property
    def z(self) -> Tensor:
        """Embeddings. [B, T, Dz]"""
        return self.model.encoder(self.x, self.s) if "s" in vars(self) else self.model.encoder(self.x)

    @cached_property
    def residual(self) -> Tensor:
        """Reconstruction minus frame. [B, T, C, H, W]"""
        return self.decode(self.z) - self.x

    @cached_property
    def residual_pyramid(self) -> tuple[Tensor, ...]:
        """The residual at each level of the image pyramid. [B, T, C, H / 2^level, W / 2^level]"""
        return pyramid(self.residual)

    # h: dynamics ------------------------------------------------------------------------------------------------

    @cached_property
    def h(self) -> Tensor:
        """Teacher-forced hidden states: h_{t+1} = predictor(z_t, h_t, a_t). [B, T, Dh]"""
        h = [stop(self.model.z_to_h(self.z_for_dynamics[:, 0]))]
        for z, a in zip(self.z_for_dynamics.unbind(1)[:-1], self.a.unbind(1)[:-1], strict=True):
            h.append(self.model.predictor(z, h[-1], a))
        return torch.stack(h, dim=1)

    @cached_property
    def z_from_h(self) -> Tensor:
        """The place that h stands for. [B, T, Dz]"""
        return self.model.h_to_z(self.h)

    @cached_property
    def z_hat(self) -> Tensor:
        """Predicted embeddings ẑ_1 ... ẑ_{T-1}. [B, T-1, Dz]"""
        return self.z_from_h[:, 1:]

    @cached_property
    def dh_hat(self) -> Tensor:
        """Increments of h as the action predicts them. [B, T-1, Dh]"""
        return self.model.h_action_delta_projector(self.h[:, :-1], self.a[:, :-1])

    # p: pose ----------------------------------------------------------------------------------------------------

    @cached_property
    def odometry(self) -> tuple[Tensor, Tensor]:
        """Poses [B, T, Dp] from p_0 = 0, and their increments [B, T-1, Dp]."""
        poses, increments = [self.h.new_zeros(len(self.h), self.model.config.p_dim)], []
        for h, a in zip(self.h.unbind(1)[:-1], self.a.unbind(1)[:-1], strict=True):
            increments.append(self.pose_increment(poses[-1], h, a))
            poses.append(poses[-1] + increments[-1])
        return torch.stack(poses, dim=1), torch.stack(increments, dim=1)

    @cached_property
    def p(self) -> Tensor:
        """Poses: p_0 = 0, p_{t+1} = p_t + Δp_t. [B, T, Dp]"""
        return self.odometry[0]

    @cached_property
    def dp(self) -> Tensor:
        """Pose increments Δp_t. [B, T-1, Dp]"""
        return self.odometry[1]

    @cached_property
    def q(self) -> Tensor:
        """Poses of places: where z is, however the agent got there. [B, T, Dp]"""
        return self.model.z_to_p(self.z_for_dynamics)

    # Imagined rollouts: open loop, from every start at once; entry k - 1 is k steps deep, [B, T-k, ...] -----------

    @cached_property
    def imagined_h(self) -> tuple[Tensor, ...]:
        """Hidden states imagined from (z_for_dynamics, h); the first is the teacher-forced h_{s+1}. K x [B, T-k, Dh]"""
        return self.gated_rollout.h

    @cached_property
    def imagined_z(self) -> tuple[Tensor, ...]:
        """Embeddings imagined from the live (z, h). K x [B, T-k, Dz]"""
        h, z = self.gated_rollout if self.z_for_dynamics is self.z else self.live_rollout
        return (*z, self.model.h_to_z(h[-1]))

    @cached_property
    def gated_rollout(self) -> "Rollout":
        """From (z_for_dynamics, h)."""
        return self._imagine(self.h[:, 1:], self.z_hat)

    @cached_property
    def live_rollout(self) -> "Rollout":
        """From the live (z, h)."""
        h = self.model.predictor(self.z[:, :-1], self.h[:, :-1], self.a[:, :-1])
        return self._imagine(h, self.model.h_to_z(h))

    def _imagine(self, h: Tensor, z: Tensor) -> "Rollout":
        """Feed ẑ back, from states one step deep."""
        deep_h, deep_z = [h], []
        for k in range(1, self.horizon):
            deep_z.append(z)
            h = self.model.predictor(z[:, :-1], h[:, :-1], self.a[:, k:-1])
            deep_h.append(h)
            z = self.model.h_to_z(h) if k + 1 < self.horizon else z  # the deepest is read by few: left to them
        return Rollout(tuple(deep_h), tuple(deep_z))

    @cached_property
    def imagined_frames(self) -> tuple[Tensor, ...]:
        """Imagined embeddings, decoded in one batch. K x [B, T-k, C, H, W]"""
        depths = [z.shape[1] for z in self.imagined_z]
        return self.decode(torch.cat(self.imagined_z, dim=1)).split(depths, dim=1)

    def encode_imagined(self, frames: Tensor) -> Tensor:
        """Imagined frames of all depths in one batch [B, (T-1) + ... + (T-K), C, H, W] to embeddings.

        Beside a frame the encoder sees the proprioception of its time, if any.
        """
        if "s" not in vars(self):
            return self.model.encoder(frames)
        return self.model.encoder(frames, torch.cat([self.s[:, k:] for k in range(1, self.horizon + 1)], dim=1))

    @cached_property
    def imagined_residual(self) -> tuple[Tensor, ...]:
        """Imagined frame minus frame. K x [B, T-k, C, H, W]"""
        return tuple(frames - self.x[:, k:] for k, frames in enumerate(self.imagined_frames, start=1))
