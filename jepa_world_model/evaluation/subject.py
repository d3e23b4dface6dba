"""What is evaluated: anything that embeds frames, imagines, decodes and integrates a pose, as arrays.

The evaluation knows a model only by this interface, so that it can be tested on models with known answers.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from jepa_world_model.model import WorldModel


class Traces(NamedTuple):
    """The states of N trajectories of T frames."""

    z: np.ndarray
    """[N, T, Dz]"""
    h: np.ndarray
    """[N, T, Dh]"""
    p: np.ndarray
    """[N, T, Dp]"""


class EvaluatedModel(Protocol):
    """A world model, seen from outside. All arrays are float32 but for frames. Actions are as they are taken."""

    def embed(self, frames: np.ndarray, bodies: np.ndarray | None = None, /) -> np.ndarray:
        """Frames [M, H, W, C] uint8, and proprioception [M, P] if the model sees one, to z [M, Dz]."""
        ...

    def begin(self, z: np.ndarray) -> np.ndarray:
        """The hidden state of a first frame: z [M, Dz] to h [M, Dh]."""
        ...

    def predict(self, z: np.ndarray, h: np.ndarray, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """One step: z [M, Dz], h [M, Dh], actions [M, A] to the next z and h."""
        ...

    def decode(self, z: np.ndarray) -> np.ndarray:
        """z [M, Dz] to frames [M, H, W, C] in [0, 1]."""
        ...

    def move(self, p: np.ndarray, h: np.ndarray, actions: np.ndarray) -> np.ndarray:
        """Pose increments [M, Dp] of p [M, Dp], h [M, Dh], actions [M, A]."""
        ...

    def origin(self, count: int) -> np.ndarray:
        """The pose in which a trajectory begins, [count, Dp]."""
        ...

    def place_pose(self, z: np.ndarray) -> np.ndarray | None:
        """q, the pose of a place, read from z [M, Dz]: [M, Dp]; None for a model that gives them none."""
        ...

    def read_action(self, h: np.ndarray, following: np.ndarray) -> np.ndarray:
        """Scores [M, A] of the action that led from h [M, Dh] to the following one; a NOOP is no column."""
        ...


def traced(
    subject: EvaluatedModel, frames: np.ndarray, actions: np.ndarray, bodies: np.ndarray | None = None
) -> Traces:
    """Frames [N, T, H, W, C] uint8, actions [N, T, A] and proprioception [N, T, P], if the model sees one, to their
    states, teacher-forced."""
    count, length = frames.shape[:2]
    seen = [(frames[:, t],) if bodies is None else (frames[:, t], bodies[:, t]) for t in range(length)]
    z = np.stack([subject.embed(*each) for each in seen], axis=1)
    h, p = [subject.begin(z[:, 0])], [subject.origin(count)]
    for t in range(length - 1):
        p.append(p[-1] + subject.move(p[-1], h[-1], actions[:, t]))
        h.append(subject.predict(z[:, t], h[-1], actions[:, t])[1])
    return Traces(z, np.stack(h, axis=1), np.stack(p, axis=1))


class ModelSubject:
    """A trained `WorldModel`. Implements `Subject`."""

    def __init__(self, model: WorldModel, *, gives_places_a_pose: bool) -> None:
        """`gives_places_a_pose`: whether the head `z_to_p` was trained; every model has it."""
        self.model, self._gives_places_a_pose = model.eval(), gives_places_a_pose
        parameter = next(model.parameters())
        self._device, self._dtype = parameter.device, parameter.dtype

    @torch.no_grad()
    def embed(self, frames: np.ndarray, bodies: np.ndarray | None = None, /) -> np.ndarray:
        x = torch.from_numpy(np.ascontiguousarray(frames)).to(self._device)
        x = x.permute(0, 3, 1, 2).to(self._dtype).div(255)[:, None]
        s = None if bodies is None else self._tensor(bodies)[:, None]
        return self._array(self.model.encoder(x, s)[:, 0])

    @torch.no_grad()
    def begin(self, z: np.ndarray) -> np.ndarray:
        return self._array(self.model.z_to_h(self._tensor(z)))

    @torch.no_grad()
    def predict(self, z: np.ndarray, h: np.ndarray, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        following = self.model.predictor(self._tensor(z), self._tensor(h), self._seen(actions))
        return self._array(self.model.h_to_z(following)), self._array(following)

    @torch.no_grad()
    def decode(self, z: np.ndarray) -> np.ndarray:
        decoded = self.model.decoder(self._tensor(z)[:, None])[:, 0]
        return self._array(decoded.clamp(0, 1).permute(0, 2, 3, 1))

    @torch.no_grad()
    def move(self, p: np.ndarray, h: np.ndarray, actions: np.ndarray) -> np.ndarray:
        projector = self.model.p_action_delta_projector
        return self._array(projector(self._tensor(p), self._tensor(h), self._seen(actions)))

    def origin(self, count: int) -> np.ndarray:
        return np.zeros((count, self.model.config.p_dim), dtype=np.float32)

    @torch.no_grad()
    def place_pose(self, z: np.ndarray) -> np.ndarray | None:
        return self._array(self.model.z_to_p(self._tensor(z))) if self._gives_places_a_pose else None

    @torch.no_grad()
    def read_action(self, h: np.ndarray, following: np.ndarray) -> np.ndarray:
        return self._array(self.model.as_taken(self.model.inverse_dynamics_h(self._tensor(h), self._tensor(following))))

    def _seen(self, actions: np.ndarray) -> Tensor:
        return self.model.seen(self._tensor(actions))

    def _tensor(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self._device, self._dtype)

    def _array(self, tensor: Tensor) -> np.ndarray:
        return tensor.float().cpu().numpy()
