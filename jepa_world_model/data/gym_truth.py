"""What a Gymnasium environment tells of what is really there."""

from typing import Any


def agent_position(env: Any) -> tuple[int, int] | None:
    """(row, column) of the agent if the unwrapped environment has ``agent_pos`` (column, row), as MiniGrid does."""
    place = getattr(env.unwrapped, "agent_pos", None)
    return None if place is None else (int(place[1]), int(place[0]))
