"""The world model, surveyed at some gates; and pictures read back from their DOT."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from pygraphviz import AGraph

from audits import Audit, Target, audit
from audits.diagram.dot import dot, loss_classes
from audits.diagram.picture import Picture
from audits.diagram.survey import Survey, surveys
from jepa_world_model.config_file import load_config
from jepa_world_model.gradient_flow.target import LEGEND, jepa_target
from jepa_world_model.losses import LOSSES

ENABLED = tuple(loss.name for loss in LOSSES.values() if loss.weight)
OPEN = {"detach_z_from_h_and_p": False}


@cache
def world_target() -> Target:
    return jepa_target(load_config(preset="reference"))


@cache
def _world(gates: tuple[tuple[str, Any], ...], losses: tuple[str, ...]) -> Survey:
    return surveyed(world_target(), gates=dict(gates), losses=losses)


def world(gates: Mapping[str, Any] | None = None, losses: Sequence[str] = ENABLED) -> Survey:
    """Of the world model, once for all tests."""
    return _world(tuple(sorted((gates or {}).items())), tuple(losses))


def surveyed(target: Target, *, gates: Mapping[str, Any] | None = None, losses: Sequence[str] | None = None) -> Survey:
    found: Audit = audit(target, settings=[gates or {}], losses=losses)
    return surveys(target, found)[0]


@dataclass(frozen=True)
class Edge:
    """As it stands in the DOT of a picture: data runs from tail to head."""

    tail: str
    head: str
    kind: str
    """"gradient", "data", ..."""
    losses: frozenset[str]


@dataclass(frozen=True)
class Read:
    """A picture as somebody reads it who only has its DOT."""

    nodes: Mapping[str, tuple[str, frozenset[str]]]
    """By name: kind and losses."""
    labels: Mapping[str, str]
    edges: Sequence[Edge]

    def updated(self, loss: str) -> set[str]:
        """Modules into which gradient of a loss is drawn."""
        tails = {e.tail for e in self.edges if e.kind == "gradient" and loss in e.losses}
        return {self.labels[tail] for tail in tails if self.nodes[tail][0] == "module"}

    def reached(self, loss: str) -> set[str]:
        """Modules to which drawn gradient of a loss leads, arrow by arrow, from the loss."""
        found = {name for name, (kind, losses) in self.nodes.items() if kind == "loss" and loss in losses}
        while (
            more := {e.tail for e in self.edges if e.kind == "gradient" and loss in e.losses and e.head in found}
            - found
        ):
            found |= more
        return {self.labels[name] for name in found if self.nodes[name][0] == "module"}

    def cuts(self, loss: str) -> set[str]:
        """``states.py:73`` of each place at which gradient of a loss is drawn to end."""
        ends = {
            e.tail for e in self.edges if e.kind == "gradient" and loss in e.losses and self.nodes[e.tail][0] == "cut"
        }
        found = set()
        for name in ends:
            file, _, lines = self.labels[name].rpartition("\n")[2].partition(":")
            found |= {f"{file}:{line.strip()}" for line in lines.split(",")}
        return found


def read(picture: Picture) -> Read:
    """Write a picture as DOT and read that."""
    loss_of = {name: loss for loss, name in loss_classes(picture).items()}
    graph = AGraph(string=dot(picture))
    nodes, labels = {}, {}
    for node in graph.nodes():
        kind, losses = _classes(node.attr["class"], loss_of)
        nodes[str(node)] = kind, losses
        lines = re.sub(r"<br[^>]*/>", "\n", node.attr["label"].strip("<>"))
        labels[str(node)] = _name(re.sub(r"<[^>]*>", "", lines), kind)
    edges = [Edge(str(edge[0]), str(edge[1]), *_classes(edge.attr["class"], loss_of)) for edge in graph.edges_iter()]
    return Read(nodes, labels, edges)


def _classes(text: str, loss_of: Mapping[str, str]) -> tuple[str, frozenset[str]]:
    kind, *classes = text.split()
    return kind, frozenset(loss_of[name] for name in classes)


def _name(label: str, kind: str) -> str:
    """A module's name is broken into lines; what stands below it is a remark."""
    if kind != "module":
        return label
    first, *rest = label.split("\n")
    return first + rest[0] if first.endswith(("_", ".")) and rest else first


def legend() -> Any:
    return LEGEND
