"""Which modules each loss updates at each setting of the gates: the thirty losses of the design, and those after it."""

import json
from pathlib import Path
from typing import Any

_DESIGN, _LATER = (
    json.loads((Path(__file__).parent / f"{name}.json").read_text()) for name in ("gradient_flow", "place_pose")
)
SPECIFIED: list[dict[str, Any]] = [
    {"gates": design["gates"], "updates": design["updates"] | later["updates"]}
    for design, later in zip(_DESIGN["settings"], _LATER["settings"], strict=True)
]
MODULES: list[str] = [*_DESIGN["modules"], "z_to_p"]
