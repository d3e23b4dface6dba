"""The environment that data was recorded in, to plan in."""

from __future__ import annotations

from jepa_world_model.data import EMBEDDED, EpisodeSource
from jepa_world_model.errors import UserError
from jepa_world_model.worlds.grid import GridWorld
from jepa_world_model.worlds.world import World


def environment_of(source: EpisodeSource) -> World:
    """Raises UserError for data whose environment is not known, or cannot be put into a state."""
    if source.name in EMBEDDED:
        return GridWorld(source.name, source.spec.image_size)
    raise UserError(f"{source.name} is recorded data: there is no environment to reach goals in")
