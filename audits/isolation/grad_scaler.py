"""Operations of the gradient scaler of torch, which insist on float32, for any precision."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor


def unscale(gradients: Sequence[Tensor], found_inf: Tensor, inverse_scale: Tensor) -> None:
    """Multiply gradients by the inverse of the scale; `found_inf` becomes 1 where one is not finite."""
    for gradient in gradients:
        gradient.mul_(inverse_scale)
        found_inf.masked_fill_(~gradient.isfinite().all(), 1.0)


def update_scale(
    scale: Tensor, tracker: Tensor, found_inf: Tensor, growth: float, backoff: float, every: int
) -> Tensor:
    """A smaller scale after an overflow, a larger one after `every` steps without."""
    if bool(found_inf):
        tracker.zero_()
        return scale.mul_(backoff)
    if int(tracker) + 1 == every:
        tracker.zero_()
        return scale.mul_(growth)
    tracker.add_(1)
    return scale


IN_FLOAT32: dict[Callable, Callable] = {
    torch._amp_foreach_non_finite_check_and_unscale_: unscale,  # pyright: ignore[reportPrivateImportUsage]
    torch._amp_update_scale_: update_scale,  # pyright: ignore[reportPrivateImportUsage]
}
"""What stands for each of them."""
