"""Pictures kept as DOT, to see what a change does to them. Line numbers are left out: moving a line changes no flow.

python -m tests.audits.diagram.golden    writes them anew; review the difference
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from audits.diagram.composing import compose
from audits.diagram.contrast import contrast
from audits.diagram.drawing import source
from audits.diagram.matrix import matrix
from audits.diagram.mermaid import mermaid
from audits.diagram.text import text
from jepa_world_model.gradient_flow.target import LEGEND
from tests.audits.diagram.small import small
from tests.audits.diagram.world import ENABLED, OPEN, world

FOLDER = Path(__file__).parent / "golden"
LINES = re.compile(r"(\.py:)\d+(, \d+)*")


def _loss() -> str:
    return source(compose(world(losses=["rollout_kstep_p"]), LEGEND, detail=True))


def _comparison() -> str:
    title = "gradient flow of jepa_world_model: detach_z_from_h_and_p=False compared with default"
    return source(contrast(world(OPEN), world(), LEGEND, title=title))


def _matrix() -> str:
    survey = world(losses=[*ENABLED, "sigreg"])
    drawn = matrix(survey, LEGEND, title=survey.title, other=world())
    return re.sub(r"(<?\d+) %<", "# %<", source(drawn))  # shares depend on the processor's arithmetic


GOLDEN: dict[str, Callable[[], str]] = {
    "default.dot": lambda: source(compose(world(), LEGEND)),
    "detach_z_from_h_and_p_false.dot": lambda: source(compose(world(OPEN), LEGEND)),
    "rollout_kstep_p.dot": _loss,
    "comparison.dot": _comparison,
    "matrix.dot": _matrix,
    "default.txt": lambda: text(compose(world(), LEGEND)),
    "small.txt": lambda: text(compose(*small())),
    "small.mmd": lambda: mermaid(compose(*small())),
    "comparison.txt": lambda: text(contrast(small(judged=True)[0], *small(), title="what the gate changes")),
    "comparison.mmd": lambda: mermaid(contrast(small(judged=True)[0], *small(), title="what the gate changes")),
}


def drawn(name: str) -> str:
    return LINES.sub(r"\1#", GOLDEN[name]())


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name in GOLDEN:
        (FOLDER / name).write_text(drawn(name), encoding="utf-8")
