"""Where gradient ends on its way, and where a gate could end it: the marks between the boxes of a picture."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from audits.dataflow.links import Link, Pair
from audits.dataflow.values import Node
from audits.diagram.boxes import Boxes, key
from audits.diagram.picture import Arrow, Box, Shape, Tone
from audits.places import Stop


@dataclass
class CutMark:
    """Stops of one name on the ways from one node to others."""

    source: Node
    stops: dict[Stop, None] = field(default_factory=dict)
    ended: dict[Node, set[str]] = field(default_factory=dict)
    """By node that data goes on to: losses whose gradient comes from there."""

    def add(self, other: CutMark) -> None:
        self.stops |= other.stops
        for sink, losses in other.ended.items():
            self.ended.setdefault(sink, set()).update(losses)


def cuts(links: Mapping[Pair, Link], boxes: Boxes) -> list[CutMark]:
    """One for each stop; those of one name that part the same nodes as one."""
    single: dict[tuple[Node, Stop], CutMark] = {}
    for (source, sink), link in links.items():
        for stop in sorted(link.cuts, key=lambda stop: (stop.place.path, stop.place.line)):
            cut = CutMark(source, {stop: None}, {sink: link.cuts[stop]})
            single.setdefault((source, stop), CutMark(source)).add(cut)
    found: dict[object, CutMark] = {}
    for (source, stop), cut in single.items():
        found.setdefault((source, boxes.survey.name(stop), tuple(cut.ended)), CutMark(source)).add(cut)
    return list(found.values())


def drawn_cut(cut: CutMark, boxes: Boxes) -> tuple[Box, list[Arrow]]:
    """A mark, and the arrows to and from it."""
    stops, name = list(cut.stops), boxes.survey.name(next(iter(cut.stops)))
    ended = boxes.in_order(loss for losses in cut.ended.values() for loss in losses)
    where = "; ".join(f"{stop.place.within}:{stop.place.line} {stop.place.text}".rstrip() for stop in stops)
    mark = Box(
        f"cut.{key(cut.source)}.{name}.{stops[0].place.key}",
        Shape.CUT,
        (name, places(stops), *(f"in {stop.place.function}" for stop in stops if boxes.detail)),
        ended,
        f"gradient of {', '.join(ended)} ends at {where}" if ended else f"gradient would end at {where}",
        Tone.PLAIN if ended else Tone.FAINT,
    )
    arrows = [Arrow(key(cut.source), mark.key, hint="data")]
    for sink, losses in cut.ended.items():
        stopped = boxes.in_order(losses)
        hint = f"gradient of {', '.join(stopped)}, which ends here" if stopped else "data"
        arrows.append(Arrow(mark.key, key(sink), stopped, hint=hint))
    return mark, arrows


def gate(source: Node, gates: Sequence[str], losses: tuple[str, ...]) -> Box:
    """A mark that gradient passes."""
    names = ", ".join(gates)
    hint = f"at another value {names} would end this gradient"
    return Box(f"gate.{key(source)}.{names}", Shape.GATE, (f"gate {names}", "open"), losses, hint)


def places(stops: Iterable[Stop]) -> str:
    """``embedding.py:11, 16``"""
    lines: dict[str, set[int]] = defaultdict(set)
    for stop in stops:
        lines[stop.place.within.rpartition("/")[2]].add(stop.place.line)
    return ", ".join(f"{file}:{', '.join(map(str, sorted(numbers)))}" for file, numbers in lines.items())
