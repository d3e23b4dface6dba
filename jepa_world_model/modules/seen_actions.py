"""How a model sees actions: normalised by what is stored with its weights, or as they are where nothing is."""

from collections.abc import Collection, Sequence

import numpy as np
import torch
from torch import Tensor, nn

MEAN, SPREAD = "action_mean", "action_spread"
MOST_NAMED = 8


class SeesActions(nn.Module):
    """A module with two more buffers if it normalises actions, mean [A] and spread [A], and with none if it does not.

    Weights of a version that did not normalise have no such buffers: a model that gets them sees actions as they are.
    """

    action_mean: Tensor
    action_spread: Tensor

    @property
    def normalises_actions(self) -> bool:
        """Whether it sees actions otherwise than they are."""
        return MEAN in self._buffers

    @torch.no_grad()
    def normalise_actions(self, mean: np.ndarray, spread: np.ndarray) -> None:
        """From now on see (a - mean) / spread; both are [A]."""
        device = next(self.parameters()).device
        for name, values in ((MEAN, mean), (SPREAD, spread)):
            self.register_buffer(name, torch.as_tensor(values, dtype=torch.get_default_dtype(), device=device).clone())

    def normalise_actions_as(self, stored: Collection[str], width: int) -> None:
        """Make room for the buffers of stored weights, given the names of these, or have none where they have none."""
        for name in (MEAN, SPREAD):
            self._buffers.pop(name, None)
        if MEAN in stored or SPREAD in stored:
            self.normalise_actions(np.zeros(width), np.ones(width))

    def seen(self, actions: Tensor) -> Tensor:
        """Actions [..., A] as they are taken to actions as the model sees them."""
        return (actions - self.action_mean) / self.action_spread if self.normalises_actions else actions

    def as_taken(self, actions: Tensor) -> Tensor:
        """The inverse of `seen`."""
        return actions * self.action_spread + self.action_mean if self.normalises_actions else actions

    def told(self, names: Sequence[str]) -> str:
        """In words, how it sees actions; `names` of the columns, if they have any."""
        if not self.normalises_actions:
            return "as they are"
        columns = zip(self.action_mean.tolist(), self.action_spread.tolist(), strict=True)
        parts = [
            f"{names[number] if names else f'column {number}'} "
            + ("as it is" if (mean, spread) == (0, 1) else f"{mean:.4g} ± {spread:.4g}")
            for number, (mean, spread) in enumerate(columns)
        ]
        more = f" and {len(parts) - MOST_NAMED} more" if len(parts) > MOST_NAMED else ""
        return f"normalised by mean ± spread: {', '.join(parts[:MOST_NAMED])}{more}"
