"""All losses, in the order in which they are documented."""

from jepa_world_model.losses import (  # noqa: F401  (importing a module declares its losses)
    dynamics,
    embedding,
    imagination,
    inverse_dynamics,
    pose,
    reconstruction,
)
from jepa_world_model.losses.declaration import LOSSES, Loss, loss

__all__ = ["LOSSES", "Loss", "loss"]
