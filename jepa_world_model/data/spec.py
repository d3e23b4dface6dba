"""What a model must know about a data set before it is built."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from jepa_world_model.errors import UserError, nearest


class ActionKind(StrEnum):
    """How a row of an action array is to be read."""

    MULTI_HOT = "multi-hot"  # buttons: any number of ones
    ONE_HOT = "one-hot"  # one discrete choice; NOOP is all zeros
    REAL = "real"  # continuous values


@dataclass(frozen=True)
class DataSpec:
    """One data set: frames [T, image_size, image_size, channels], actions [T, action_width] and how to read them."""

    image_size: int
    channels: int
    action_width: int
    action_kind: ActionKind
    action_names: tuple[str, ...] = ()
    proprioception_width: int = 0
    """P, the numbers beside each frame that the model sees; 0 without."""


def parse_action_kind(text: str) -> ActionKind:
    """Return the kind that ``text`` names. Raises UserError, with the valid names, for any other text."""
    kinds = [kind.value for kind in ActionKind]
    if text not in kinds:
        message = (
            f"unknown action kind {text!r}; expected one of: {', '.join(kinds)}. {nearest(text, kinds, otherwise='')}"
        )
        raise UserError(message.rstrip())
    return ActionKind(text)


def infer_action_kind(arrays: Iterable[np.ndarray]) -> ActionKind:
    """Guess the kind from every action array [T, A]: only 0 and 1 means buttons, at most one 1 a row means one-hot."""
    kind = ActionKind.ONE_HOT
    for actions in arrays:
        if not np.isin(actions, (0, 1)).all():
            return ActionKind.REAL
        if (actions.sum(axis=1) > 1).any():
            kind = ActionKind.MULTI_HOT
    return kind
