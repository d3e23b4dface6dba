"""SIGReg, from LeJEPA (Balestriero & LeCun 2025, arXiv 2511.08544)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jepa_world_model.lazy_torch import F, torch

if TYPE_CHECKING:
    from torch import Tensor

SLICES = 256
KNOTS = 17
REACH = 5.0


def epps_pulley(samples: Tensor) -> Tensor:
    """How far samples [N, D] are from an isotropic standard Gaussian.

    By the Cramér-Wold theorem a distribution is N(0, I) when every projection of it is N(0, 1). Each of 256 random unit
    directions is tested with the statistic of Epps and Pulley (Biometrika 70, 1983),

        N * integral of |phi_N(t) - exp(-t^2 / 2)|^2 * exp(-t^2 / 2) dt,

    phi_N the empirical characteristic function, by the trapezoid rule on 17 knots in [-5, 5]; the mean over directions
    is returned. New directions are drawn at each call, from torch's global generator.
    """
    from jepa_world_model import processes

    directions = F.normalize(torch.randn(SLICES, samples.shape[1], device=samples.device, dtype=samples.dtype), dim=1)
    knots = torch.linspace(-REACH, REACH, KNOTS, device=samples.device, dtype=samples.dtype)
    gaussian = torch.exp(-knots.square() / 2)
    angles = (samples @ directions.T).unsqueeze(-1) * knots  # [N, slices, knots]
    cosine, sine = processes.mean(angles.cos().mean(dim=0)), processes.mean(angles.sin().mean(dim=0))
    distance = (cosine - gaussian).square() + sine.square()
    return len(samples) * processes.count() * torch.trapezoid(distance * gaussian, knots, dim=-1).mean()
