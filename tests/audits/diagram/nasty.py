"""A trainer whose names mean something in DOT, HTML, JSON or Mermaid."""

from __future__ import annotations

from torch import nn, rand

from audits import Target
from audits.diagram.survey import Survey
from audits.legend import Legend
from tests.audits.diagram.world import surveyed

NASTY = (
    '<b>&"bold"',
    "</script><!--<script>alert(1)</script>",
    "a\\nb\\",
    "ẑ → #35; %",
    "end",
    "graph:port",
    "'",
    "]]]",
)


def nasty() -> tuple[Survey, Legend]:
    modules = {name: nn.Linear(2, 2) for name in NASTY}
    target = Target(
        modules, lambda x: {f"of {name}": module(x).mean() for name, module in modules.items()}, batches=[rand(2, 2)]
    )
    return surveyed(target), Legend()
