"""From what was measured to a picture."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from audits.dataflow.links import Link, Pair
from audits.dataflow.values import Kind, Node
from audits.diagram.boxes import Boxes, key
from audits.diagram.kinship import alike, families
from audits.diagram.marks import cuts, drawn_cut, gate
from audits.diagram.picture import Arrow, Box, Picture, Shape
from audits.diagram.survey import Survey
from audits.legend import Legend

MODULES = (Kind.MODULE, Kind.FROZEN)


def compose(
    survey: Survey,
    legend: Legend,
    *,
    title: str = "",
    together: Mapping[str, tuple[str, ...]] | None = None,
    gates: bool = True,
    detail: bool = False,
) -> Picture:
    """The picture of one setting.

    Losses that are `together` share a box; by default those that are alike. `gates`: also show those that are open.
    `detail`: say more about each module and cut, which is readable for a single loss.
    """
    boxes = Boxes(survey, together or alike([survey], legend), detail)
    links = _as_drawn(survey, boxes)
    drawn, arrows = _flow(links, boxes, gates=gates)
    for arrow in _unseen(links, boxes):
        arrows.append(arrow)
        for node in (Node(Kind.MODULE, arrow.source.partition(".")[2]), Node(Kind.LOSS, arrow.losses[0])):
            drawn.setdefault(boxes.box(node).key, boxes.box(node))
    return Picture(
        title=title or survey.title,
        boxes=tuple(drawn.values()),
        arrows=tuple(arrows),
        losses=survey.losses,
        families=families(legend, survey.known),
        groups=_groups(survey, legend, drawn, arrows),
        notes=tuple(_notes(survey, drawn.values())),
    )


def _as_drawn(survey: Survey, boxes: Boxes) -> dict[Pair, Link]:
    """Links of losses that share a box as one; of a module only the gradient that updates it."""
    found: dict[Pair, Link] = defaultdict(Link)
    for (source, sink), link in survey.links.items():
        losses = link.losses
        if source.kind is Kind.MODULE:
            losses = {loss for loss in losses if boxes.updates(loss, source.name)}
        found[boxes.shared(source), boxes.shared(sink)].add(losses, link.cuts)
    return dict(found)


def _flow(links: Mapping[Pair, Link], boxes: Boxes, *, gates: bool) -> tuple[dict[str, Box], list[Arrow]]:
    """All boxes by key, and all arrows, marks among them."""
    drawn = {key(node): boxes.box(node) for pair in links for node in pair}
    arrows: list[Arrow] = []
    for (source, sink), link in links.items():
        losses = boxes.in_order(link.losses)
        if link.cuts and not losses:
            continue
        hint = f"gradient of {', '.join(losses)}" if losses else "data"
        closers = boxes.survey.open_gates.get((source, sink), ()) if gates and losses else ()
        start = key(source)
        if closers:
            mark = gate(source, closers, losses)
            drawn[mark.key] = mark
            arrows.append(Arrow(start, mark.key, losses, hint=hint))
            start = mark.key
        arrows.append(Arrow(start, key(sink), losses, hint=hint))
    for cut in cuts(links, boxes):
        mark, around = drawn_cut(cut, boxes)
        drawn[mark.key] = mark
        arrows += around
    return drawn, arrows


def _unseen(links: Mapping[Pair, Link], boxes: Boxes) -> Iterable[Arrow]:
    """Updates that no link tells: by weights that two modules share, or by code that torch runs out of sight."""
    told = {
        (loss, source.name) for (source, _), link in links.items() for loss in link.losses if source.kind is Kind.MODULE
    }
    for (loss, module), cell in boxes.survey.flow.cells.items():
        if cell.status.updates and (loss, module) not in told:
            hint = f"gradient of {loss}, by shared weights or by code that torch runs out of sight"
            sink = key(boxes.shared(Node(Kind.LOSS, loss)))
            yield Arrow(key(Node(Kind.MODULE, module)), sink, (loss,), hint=hint, data=False)


def _groups(
    survey: Survey, legend: Legend, boxes: Mapping[str, Box], arrows: Iterable[Arrow]
) -> dict[str, tuple[str, ...]]:
    """Modules by role, each with the states that come out of it and the marks between them."""
    role_of = {module: role for role, modules in legend.roles.items() for module in modules}
    found: dict[str, str] = {}
    for source, sink in survey.links:
        found |= {key(n): role_of[n.name] for n in (source, sink) if n.kind in MODULES and n.name in role_of}
        if sink.kind is Kind.STATE and key(source) in found:
            found.setdefault(key(sink), found[key(source)])
    around: dict[str, set[str]] = defaultdict(set)
    for arrow in arrows:
        around[arrow.source].add(found.get(arrow.sink, ""))
        around[arrow.sink].add(found.get(arrow.source, ""))
    for box in boxes.values():
        if box.shape in (Shape.CUT, Shape.GATE) and len(around[box.key]) == 1:
            found[box.key] = next(iter(around[box.key]))
    members = {role: tuple(box for box in boxes if found.get(box) == role) for role in legend.roles}
    return {role: boxes for role, boxes in members.items() if boxes}


def _notes(survey: Survey, boxes: Iterable[Box]) -> Iterable[str]:
    drawn = {box.lines[0] for box in boxes if box.shape in (Shape.MODULE, Shape.FROZEN)}
    if unused := [module for module in survey.modules if module not in drawn]:
        those = survey.losses[0] if len(survey.losses) == 1 else "these losses"
        yield f"not used by {those}: {', '.join(unused)}"
