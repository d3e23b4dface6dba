"""NaN and infinity: detected without synchronising with the device, and traced to the loss that caused them."""

import torch
from torch import Tensor


class Diverged(Exception):
    """Training met NaN or infinity and stopped. The model holds the weights from before that step."""

    def __init__(self, step: int, losses: list[str]) -> None:
        self.step, self.losses = step, losses
        super().__init__(f"step {step}: {', '.join(losses)} became NaN or infinite")


class Guard:
    """From the first step with a non-finite loss or gradient on, the optimizer does nothing.

    The verdict is a tensor that the fused optimizer reads on the device (`found_inf`, the hook that gradient scalers
    use), so no step synchronises with it. The trainer reads it when it writes metrics.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, device: torch.device) -> None:
        self._broken = torch.zeros((), dtype=torch.float32, device=device)
        optimizer.found_inf = self._broken  # pyright: ignore[reportAttributeAccessIssue]

    def watch(self, losses: Tensor, gradient_norm: Tensor) -> None:
        """Stop all further updates when one of these is not finite."""
        finite = losses.isfinite().all() & gradient_norm.isfinite()
        torch.maximum(self._broken, (~finite).to(self._broken.dtype), out=self._broken)
