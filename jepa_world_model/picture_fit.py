"""How a picture that is not square becomes one."""

from typing import Literal, get_args

Fit = Literal["letterbox", "crop", "stretch"]
"""Black is added, the longer side is cut, or the proportions are changed."""
FITS: tuple[str, ...] = get_args(Fit)
