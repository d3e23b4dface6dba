"""Two pictures laid on each other: what one adds, and what it takes away."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from audits.diagram.composing import compose
from audits.diagram.kinship import alike
from audits.diagram.picture import Arrow, Box, Picture, Shape, Tone
from audits.diagram.survey import Survey
from audits.legend import Legend


def contrast(survey: Survey, other: Survey, legend: Legend, *, title: str) -> Picture:
    """What `survey` adds to and removes from `other`; what both have is there for orientation."""
    together = alike([survey, other], legend)
    here = compose(survey, legend, together=together, gates=False)
    there = compose(other, legend, together=together, gates=False)
    losses = tuple(loss for loss in survey.known if loss in here.losses or loss in there.losses)
    return Picture(
        title=title,
        boxes=tuple(_boxes(here, there)),
        arrows=tuple(_arrows(here, there)),
        losses=losses,
        families=here.families,
        groups=_groups(here, there),
        notes=tuple(changes(survey, other)) or ("nothing changes: every loss updates the same modules",),
    )


def changes(survey: Survey, other: Survey) -> Iterator[str]:
    """In words, a line for each module: which losses begin to update it, and which no longer do."""
    for sign, verb, one, two in (("+", "updated", survey, other), ("-", "no longer updated", other, survey)):
        for module in survey.modules:
            before = set(_updating(two, module))
            if found := [loss for loss in _updating(one, module) if loss not in before]:
                yield f"{sign} {module}: {verb} by {', '.join(found)}"


def _updating(survey: Survey, module: str) -> list[str]:
    return [loss for loss in survey.losses if survey.flow.cells[loss, module].status.updates]


def _boxes(here: Picture, there: Picture) -> Iterator[Box]:
    mine, others = ({box.key: box for box in picture.boxes} for picture in (here, there))
    for key, box in (others | mine).items():
        if key not in others:
            yield replace(box, tone=Tone.ADDED)
        elif key not in mine:
            yield replace(box, tone=Tone.REMOVED)
        else:
            yield _changed(box, others[key])


def _changed(box: Box, other: Box) -> Box:
    if box.shape in (Shape.CUT, Shape.GATE):
        return replace(box, tone=Tone.FAINT)
    if box.shape is not Shape.MODULE:
        return box
    gained = [loss for loss in box.losses if loss not in other.losses]
    lost = [loss for loss in other.losses if loss not in box.losses]
    lines = [f"{sign} {counted(losses)}" for sign, losses in (("+", gained), ("−", lost)) if losses]
    tone = Tone.PLAIN if gained or lost else Tone.FAINT
    return replace(box, lines=(*box.lines, *lines), tone=tone)


def counted(losses: list[str]) -> str:
    """A loss by its name, several by their number."""
    return losses[0] if len(losses) == 1 else f"{len(losses)} losses"


def _arrows(here: Picture, there: Picture) -> Iterator[Arrow]:
    mine, others = ({(a.source, a.sink, a.data): a for a in picture.arrows} for picture in (here, there))
    for place, arrow in (others | mine).items():
        one, two = mine.get(place), others.get(place)
        if one and two:
            yield from _parted(one, two)
        else:
            yield replace(arrow, tone=Tone.ADDED if one else Tone.REMOVED)


def _parted(one: Arrow, two: Arrow) -> Iterator[Arrow]:
    """An arrow that both have: its losses in common, and those of each alone."""
    common = tuple(loss for loss in one.losses if loss in two.losses)
    parts = (
        (Tone.FAINT, common),
        (Tone.ADDED, tuple(loss for loss in one.losses if loss not in common)),
        (Tone.REMOVED, tuple(loss for loss in two.losses if loss not in common)),
    )
    drawn = [(tone, losses) for tone, losses in parts if losses]
    for tone, losses in drawn or [(Tone.FAINT, ())]:
        yield replace(one, losses=losses, tone=tone, hint=_hint(tone, losses) or one.hint)


def _hint(tone: Tone, losses: Iterable[str]) -> str:
    word = {Tone.ADDED: "added: ", Tone.REMOVED: "removed: "}.get(tone, "")
    return f"{word}gradient of {', '.join(losses)}" if losses else ""


def _groups(here: Picture, there: Picture) -> dict[str, tuple[str, ...]]:
    """Each box once: a mark may stand elsewhere in the other picture."""
    placed: set[str] = set()
    found: dict[str, tuple[str, ...]] = {}
    for role in {**here.groups, **there.groups}:
        members = dict.fromkeys((*here.groups.get(role, ()), *there.groups.get(role, ())))
        found[role] = tuple(member for member in members if member not in placed)
        placed |= members.keys()
    return found
