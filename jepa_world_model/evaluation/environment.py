"""The environment that data was recorded in, to plan in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from jepa_world_model.data import EMBEDDED, EpisodeFolder, EpisodeSource
from jepa_world_model.errors import UserError
from jepa_world_model.worlds.grid import GridWorld
from jepa_world_model.worlds.gym import GymWorld
from jepa_world_model.worlds.world import World


def environment_of(source: EpisodeSource) -> World:
    """An embedded world, or what `jepa collect` wrote down as the origin of a folder.

    Raises UserError for data whose environment is not known, cannot be put into a state, or tells no position.
    """
    size = source.spec.image_size
    if source.spec.proprioception_width:
        raise UserError(
            f"{source.name}: the model sees proprioception (data.proprioception) beside each frame, and an environment "
            "shows frames only: there is nothing to plan with"
        )
    if not isinstance(source, EpisodeFolder):
        if source.name in EMBEDDED:
            return GridWorld(source.name, size)
        raise _unknown(source)
    origin = source.info.origin
    env_id, arguments = origin.get("env_id"), origin.get("env_kwargs", {})
    if not isinstance(env_id, str) or not isinstance(arguments, dict):
        raise _unknown(source)
    world = world_of(env_id, arguments, size)
    if world.spec.action_width != source.spec.action_width:
        raise UserError(
            f"{source.name}: expected actions of {world.spec.action_width} columns, as {env_id} has, found "
            f"{source.spec.action_width}"
        )
    if "position" not in world.truth(world.reset(np.random.default_rng(0))):
        raise UserError(f"{env_id} tells no position of its agent (agent_pos): nothing says whether a goal is reached")
    return world


def world_of(name: str, arguments: Mapping[str, Any], image_size: int) -> World:
    """An embedded world or a Gymnasium environment. Raises UserError for one that cannot be planned in."""
    return GridWorld(name, image_size) if name in EMBEDDED else GymWorld(name, arguments, image_size)


def _unknown(source: EpisodeSource) -> UserError:
    return UserError(f"{source.name} is recorded data: there is no environment to reach goals in")
