"""Which losses belong together: families share a colour, losses that are alike share a box."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from audits.dataflow.links import Link
from audits.dataflow.values import Kind, Node
from audits.diagram.survey import Survey
from audits.legend import Legend

Kin = dict[str, tuple[str, ...]]


def families(legend: Legend, losses: Sequence[str]) -> Kin:
    """The losses by family, in the order of the legend; one that is in none has a family of its own."""
    found = {name: tuple(loss for loss in losses if loss in members) for name, members in legend.families.items()}
    alone = [loss for loss in losses if not any(loss in members for members in found.values())]
    return {name: members for name, members in found.items() if members} | {loss: (loss,) for loss in alone}


def alike(surveys: Sequence[Survey], legend: Legend) -> Kin:
    """By loss: all losses of its family that read the same, stop the same and update the same in every survey."""
    known = tuple(dict.fromkeys(loss for survey in surveys for loss in survey.known))
    groups: dict[object, list[str]] = defaultdict(list)
    for family, members in families(legend, known).items():
        for loss in members:
            if any(loss in survey.losses for survey in surveys):
                groups[family, tuple(_signature(survey, loss) for survey in surveys)].append(loss)
    return {loss: tuple(members) for members in groups.values() for loss in members}


def _signature(survey: Survey, loss: str) -> object:
    if loss not in survey.losses:
        return None
    node = Node(Kind.LOSS, loss)
    into = {source: link for (source, sink), link in survey.links.items() if sink == node}
    reads = frozenset((source, loss in link.losses, _ending(survey, link, loss)) for source, link in into.items())
    read_on = any(source == node for source, _ in survey.links) and loss  # one that others are made of stands alone
    return reads, read_on, tuple(survey.flow.cells[loss, module].status for module in survey.modules)


def _ending(survey: Survey, link: Link, loss: str) -> frozenset[str]:
    return frozenset(survey.name(stop) for stop, ended in link.cuts.items() if loss in ended)
