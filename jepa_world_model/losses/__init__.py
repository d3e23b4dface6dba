"""All losses, family by family. Importing a family declares its losses."""

# isort: off
from jepa_world_model.losses import embedding  # noqa: F401
from jepa_world_model.losses import reconstruction  # noqa: F401
from jepa_world_model.losses import dynamics  # noqa: F401
from jepa_world_model.losses import pose  # noqa: F401
from jepa_world_model.losses import place_pose  # noqa: F401
from jepa_world_model.losses import inverse_dynamics  # noqa: F401
from jepa_world_model.losses import imagination  # noqa: F401
from jepa_world_model.losses.declaration import LOSSES, Loss, families, loss
# isort: on

__all__ = ["LOSSES", "Loss", "families", "loss"]
