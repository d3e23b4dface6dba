"""What the copies of a pass become in float64."""

from __future__ import annotations

import torch

PROMOTED = {
    torch.float16: torch.float64,
    torch.bfloat16: torch.float64,
    torch.float32: torch.float64,
    torch.complex32: torch.complex128,
    torch.complex64: torch.complex128,
}
"""What becomes of a precision in float64."""
