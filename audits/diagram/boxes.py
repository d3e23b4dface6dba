"""The boxes of a picture, one for each node; losses that are alike share theirs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from audits.contract.presence import counted
from audits.dataflow.values import Kind, Node
from audits.diagram.picture import Box, Shape, Tone
from audits.diagram.survey import Survey
from audits.formats import glyphs
from audits.result import Status

WITHOUT_UPDATE = (Status.VACUOUS, Status.UNDERFLOW, Status.NONFINITE, Status.UNKNOWN)
"""Statuses of a module that gradient passes, in the way of which more is to be said."""
NAMED = 3
"""Losses that are named before they are counted."""


def key(node: Node) -> str:
    """``module.encoder``"""
    return f"{node.kind}.{node.name}"


@dataclass(frozen=True)
class Boxes:
    """Makes them for one survey."""

    survey: Survey
    together: Mapping[str, tuple[str, ...]]
    """By loss: the losses of its box."""
    detail: bool

    def box(self, node: Node) -> Box:
        match node.kind:
            case Kind.LOSS:
                return self._loss(node.name)
            case Kind.MODULE:
                return self._module(node)
            case Kind.FROZEN:
                remarks = tuple(self._remarks(node.name, WITHOUT_UPDATE)) or ("no update",)
                return Box(key(node), Shape.FROZEN, (node.name, *remarks), hint=f"{node.name}, used without an update")
        return Box(key(node), Shape(node.kind), (node.name,))

    def shared(self, node: Node) -> Node:
        """The node that stands for all losses of a box."""
        return Node(Kind.LOSS, self.together[node.name][0]) if node.kind is Kind.LOSS else node

    def updates(self, loss: str, module: str) -> bool:
        return self.survey.flow.cells[loss, module].status.updates

    def in_order(self, losses: Iterable[str]) -> tuple[str, ...]:
        """Each once, as the trainer declares them."""
        wanted = set(losses)
        return tuple(loss for loss in self.survey.losses if loss in wanted)

    def _loss(self, loss: str) -> Box:
        members = self.together[loss]
        return Box(key(self.shared(Node(Kind.LOSS, loss))), Shape.LOSS, members, members)

    def _module(self, node: Node) -> Box:
        updating = tuple(loss for loss in self.survey.losses if self.updates(loss, node.name))
        hint = f"updated by {', '.join(updating)}" if updating else "updated by none of these losses"
        tone = Tone.PLAIN if updating else Tone.FAINT
        remarks = (*self._remarks(node.name, [Status.IDLE]), *self._details(node.name))
        return Box(key(node), Shape.MODULE, (node.name, *remarks), updating, hint, tone)

    def _remarks(self, module: str, statuses: Iterable[Status]) -> Iterable[str]:
        """``○ vacuous: my_loss``"""
        cells = [self.survey.flow.cells[loss, module] for loss in self.survey.losses]
        for status in statuses:
            if found := [cell.loss for cell in cells if cell.status is status]:
                yield f"{glyphs.UNICODE[status]} {status}: {_few(found)}"

    def _details(self, module: str) -> Iterable[str]:
        cells = [self.survey.flow.cells[loss, module] for loss in self.survey.losses]
        if any(cell.frozen and not cell.parameters for cell in cells):
            yield f"{glyphs.UNICODE[Status.FROZEN]} {Status.FROZEN}"
        if self.detail:
            yield from (f"{cell.status}, paths: {counted(cell.paths)}" for cell in cells if cell.status.updates)


def _few(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= NAMED else f"{len(names)} losses"
