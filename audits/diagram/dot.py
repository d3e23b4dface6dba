"""A picture in the language of Graphviz."""

from __future__ import annotations

import re

from graphviz import Digraph

from audits.diagram import key, palette
from audits.diagram.labels import FONT, Caption, broken, heading, hint, label
from audits.diagram.palette import Colour
from audits.diagram.picture import Arrow, Box, Picture, Shape, Tone

LONGEST = 16
"""Characters of a module's name on one line."""
LONGEST_CUT = 30

TONES = {
    Tone.ADDED: palette.ADDED,
    Tone.REMOVED: palette.REMOVED,
    Tone.UNDOCUMENTED: palette.UNDOCUMENTED,
    Tone.UNMEASURED: palette.UNDOCUMENTED,
}


CLAIMS = (Tone.UNDOCUMENTED, Tone.UNMEASURED)
"""Arrows that repeat or deny what is measured. The others together are the measurement."""


def dot(picture: Picture) -> str:
    """The source of a graph. Every colour is one of `palette`."""
    return _Writer(picture).source()


def identifiers(picture: Picture) -> dict[str, str]:
    """By key of a box: a name that is safe in every language, in DOT, SVG and Mermaid."""
    found: dict[str, str] = {}
    for number, box in enumerate(picture.boxes):
        if box.shape in (Shape.CUT, Shape.GATE):
            found[box.key] = f"{box.shape}{number}"
            continue
        name = re.sub(r"\W+", "_", box.key, flags=re.ASCII).strip("_")[:40]
        while name in found.values():
            name += "_"
        found[box.key] = name
    return found


def loss_classes(picture: Picture) -> dict[str, str]:
    """By loss: the class of everything that its gradient runs through."""
    losses = (loss for members in picture.families.values() for loss in members)
    return {loss: f"loss{number}" for number, loss in enumerate(losses)}


class _Writer:
    def __init__(self, picture: Picture) -> None:
        self._picture, self._names, self._classes = picture, identifiers(picture), loss_classes(picture)
        self._colours = palette.family_colours(list(picture.families))
        self._boxes = {box.key: box for box in picture.boxes}

    def source(self) -> str:
        picture = self._picture
        graph = Digraph("gradient_flow")
        graph.attr(rankdir="LR", nodesep="0.16", ranksep="0.42", pad="0.2", bgcolor=palette.PAPER.light)
        graph.attr(
            label=self._heading(), labelloc="t", labeljust="l", tooltip=hint(picture.title), **_text(11, palette.INK)
        )
        graph.attr("node", height="0.3", margin="0.1,0.05", penwidth="1", **_text(11, palette.INK))
        graph.attr("edge", arrowsize="0.55", penwidth="0.8", color=palette.LINE.light, **_text(9, palette.MUTED))
        for box in picture.boxes:
            graph.node(self._names[box.key], **self._box(box))
        for number, (group, members) in enumerate(picture.groups.items()):
            part = Digraph(f"cluster_{number}")
            part.attr(label=hint(group), tooltip=hint(group), style="rounded,filled", color=palette.RULE.light)
            part.attr(fillcolor=palette.PANEL.light, labelloc="t", **_text(10, palette.MUTED))
            for member in members:
                part.node(self._names[member])
            graph.subgraph(part)
        for number, arrow in enumerate(picture.arrows):
            graph.edge(self._names[arrow.source], self._names[arrow.sink], **self._arrow(arrow, number))
        return graph.source

    # Boxes ------------------------------------------------------------------------------------------------------

    def _box(self, box: Box) -> dict[str, str]:
        own = {
            Shape.INPUT: self._state,
            Shape.STATE: self._state,
            Shape.MODULE: self._module,
            Shape.FROZEN: self._module,
            Shape.LOSS: self._loss,
            Shape.CUT: self._mark,
            Shape.GATE: self._mark,
        }[box.shape](box)
        kinds = " ".join([str(box.shape), *(self._classes[loss] for loss in box.losses)])
        return (
            {"id": self._names[box.key], "class": kinds, "tooltip": hint(box.hint or box.lines[0])} | own | _toned(box)
        )

    def _state(self, box: Box) -> dict[str, str]:
        small = {"shape": "circle", "fixedsize": "true", "width": "0.36"} if len(box.lines[0]) <= 2 else {}
        look = {"shape": "ellipse", "style": "filled", "fillcolor": palette.PAPER.light, "color": palette.MUTED.light}
        return look | small | {"label": label(box.lines[:1])}

    def _module(self, box: Box) -> dict[str, str]:
        quiet, still = box.tone is Tone.FAINT, not box.losses
        text = label(broken(box.lines[0], LONGEST), small=box.lines[1:])
        look = {"shape": "box", "style": "rounded,dashed" if still else "rounded,filled", "label": text}
        look |= {"color": (palette.LINE if quiet else palette.MUTED).light}
        look |= {"fillcolor": (palette.PAPER if quiet else palette.BOX).light}
        return look | (_ink(palette.MUTED) if quiet or still else {})

    def _loss(self, box: Box) -> dict[str, str]:
        colour = self._colours[self._picture.family_of(box.losses[0])]
        look = {"shape": "note", "style": "filled", "color": colour.light}
        return look | {"fillcolor": palette.tint(colour).light, "label": label(box.lines, align="left")}

    def _mark(self, box: Box) -> dict[str, str]:
        sign, colour = ("✂", palette.CUT) if box.shape is Shape.CUT else ("◇", palette.GATE)
        name = box.lines[0] if len(box.lines[0]) <= LONGEST_CUT else box.lines[0][: LONGEST_CUT - 1] + "…"
        look = _ink(palette.MUTED if box.tone is Tone.FAINT else colour)
        return {"shape": "plain", "label": label([f"{sign} {name}", *box.lines[1:]]), **look, "fontsize": "9"}

    # Arrows -----------------------------------------------------------------------------------------------------

    def _arrow(self, arrow: Arrow, number: int) -> dict[str, str]:
        kind = str(arrow.tone) if arrow.tone in CLAIMS else "gradient" if arrow.losses else "data"
        kinds = [kind, *(self._classes[loss] for loss in arrow.losses)]
        own = self._gradient(arrow) if arrow.losses else self._data(arrow)
        return {"id": f"arrow{number}", "class": " ".join(kinds), "tooltip": hint(arrow.hint)} | own

    def _data(self, arrow: Arrow) -> dict[str, str]:
        ends = Shape.CUT in (self._shape(arrow.source), self._shape(arrow.sink))
        look = {"style": "dashed"} if ends or arrow.tone is Tone.REMOVED else {}
        look |= {"color": TONES[arrow.tone].light} if arrow.tone in TONES else {}
        return look | ({"arrowhead": "none"} if self._shape(arrow.sink) is Shape.CUT else {})

    def _gradient(self, arrow: Arrow) -> dict[str, str]:
        source, sink = self._shape(arrow.source), self._shape(arrow.sink)
        strands = self._strands(arrow)
        look = {"penwidth": "1.5", "dir": "both", "color": ":".join([palette.STRAND.light, *strands])}
        if source is Shape.CUT:
            look |= {"arrowtail": "tee", "arrowhead": "none", "color": ":".join(strands)}
        if source is Shape.GATE:
            look |= {"arrowtail": "none"}
        if sink is Shape.GATE:
            look |= {"arrowhead": "none"}
        if not arrow.data:
            look |= {"color": ":".join(strands), "dir": "back", "constraint": "false"}
        if arrow.tone in (Tone.ADDED, *CLAIMS):
            look |= {"penwidth": "2.2"}
        if arrow.tone is Tone.FAINT:
            look |= {"penwidth": "1"}
        if arrow.tone in (Tone.REMOVED, Tone.UNMEASURED) or (arrow.tone is Tone.PLAIN and not arrow.data):
            look |= {"style": "dashed"}
        return look

    def _strands(self, arrow: Arrow) -> list[str]:
        if arrow.tone in TONES:
            return [TONES[arrow.tone].light]
        if arrow.tone is Tone.FAINT:
            return [palette.LINE.light]
        return [self._colours[family].light for family in self._picture.families_of(arrow.losses)]

    def _shape(self, key: str) -> Shape:
        return self._boxes[key].shape

    # Title ------------------------------------------------------------------------------------------------------

    def _heading(self) -> str:
        picture = self._picture
        swatches = [Caption(name, self._colours[family]) for family, name in key.families(picture) if name]
        swatches += [Caption(text, TONES[tone]) for tone, text in key.tones(picture)]
        explanations = [Caption(text) for text in key.explanations(picture)]
        rows = heading(picture.title, swatches, explanations, notes=picture.notes)
        cells = "".join(f'<tr><td align="left">{row}</td></tr>' for row in rows)
        return f'<<table border="0" cellspacing="0" cellpadding="2">{cells}</table>>'


def _text(size: int, colour: Colour) -> dict[str, str]:
    return {"fontname": FONT, "fontsize": str(size), **_ink(colour)}


def _ink(colour: Colour) -> dict[str, str]:
    return {"fontcolor": colour.light}


def _toned(box: Box) -> dict[str, str]:
    if box.tone not in TONES:
        return {}
    colour = TONES[box.tone]
    return {"color": colour.light, "penwidth": "2"} | (_ink(colour) if box.shape in (Shape.CUT, Shape.GATE) else {})
