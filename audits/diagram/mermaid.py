"""A picture in the language of Mermaid, which GitHub, GitLab and many editors draw."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from audits.diagram import key, palette
from audits.diagram.dot import TONES, identifiers
from audits.diagram.picture import Arrow, Box, Picture, Shape, Tone

FRAMES = {
    Shape.INPUT: ("((", "))"),
    Shape.STATE: ("((", "))"),
    Shape.MODULE: ("(", ")"),
    Shape.FROZEN: ("(", ")"),
    Shape.LOSS: ("[", "]"),
    Shape.CUT: ("[", "]"),
    Shape.GATE: ("[", "]"),
}
SIGNS = {Shape.CUT: "✂ ", Shape.GATE: "◇ "}
MUTED, CUT, GATE = "#7d8590", "#cf5147", "#2a9d53"
"""Between the colours for light and for dark pages: a Mermaid diagram does not know on which it will stand."""
LONGEST = 30


def mermaid(picture: Picture) -> str:
    """A flowchart. An arrow of several families is thick and named, since it can have one colour only."""
    return "\n".join(_Writer(picture).lines()) + "\n"


class _Writer:
    def __init__(self, picture: Picture) -> None:
        self._picture, self._names = picture, identifiers(picture)
        self._colours = palette.family_colours(list(picture.families))
        self._boxes = {box.key: box for box in picture.boxes}

    def lines(self) -> Iterator[str]:
        picture = self._picture
        yield "flowchart LR"
        yield f"    %% {picture.title}"
        yield from (f"    %% {note}" for note in picture.notes)
        grouped = {member for members in picture.groups.values() for member in members}
        for number, (group, members) in enumerate(picture.groups.items()):
            yield f"    subgraph group{number}[{_quoted(group)}]"
            yield from (f"        {self._box(self._boxes[member])}" for member in members)
            yield "    end"
        yield from (f"    {self._box(box)}" for box in picture.boxes if box.key not in grouped)
        yield from (f"    {self._arrow(arrow)}" for arrow in picture.arrows)
        yield from self._styles()

    def _box(self, box: Box) -> str:
        opening, closing = FRAMES[box.shape]
        first = box.lines[0] if len(box.lines[0]) <= LONGEST else box.lines[0][: LONGEST - 1] + "…"
        label = "\n".join([SIGNS.get(box.shape, "") + first, *box.lines[1:]])
        return f"{self._names[box.key]}{opening}{_quoted(label)}{closing}:::{self._class(box)}"

    def _class(self, box: Box) -> str:
        if box.shape is Shape.LOSS:
            return f"family{list(self._picture.families).index(self._picture.family_of(box.losses[0]))}"
        still = box.shape is Shape.MODULE and not box.losses
        return str(Shape.FROZEN if still else box.shape)

    def _arrow(self, arrow: Arrow) -> str:
        source, sink = self._names[arrow.source], self._names[arrow.sink]
        return f"{source} {self._line(arrow)} {sink}"

    def _line(self, arrow: Arrow) -> str:
        source, sink = self._boxes[arrow.source].shape, self._boxes[arrow.sink].shape
        if not arrow.losses:
            return "-.-" if sink is Shape.CUT else "-.->" if source is Shape.CUT else "-->"
        if arrow.tone in TONES:
            return f"<== {_quoted(dict(key.TONES)[arrow.tone])} ==>"
        families = self._picture.families_of(arrow.losses)
        if source is Shape.CUT:
            return "---" if len(families) == 1 else f"== {_quoted(self._named(families))} ==="
        return "<-->" if len(families) == 1 else f"<== {_quoted(self._named(families))} ==>"

    def _named(self, families: tuple[str, ...]) -> str:
        return "\n".join(family.replace("_", " ") for family in families)

    def _styles(self) -> Iterator[str]:
        for number, (family, colour) in enumerate(self._colours.items()):
            if family in self._picture.shown_families:
                ground = palette.tint(colour).light
                yield f"    classDef family{number} fill:{ground},stroke:{colour.light},color:{palette.INK.light}"
        for shape, colour in ((Shape.CUT, CUT), (Shape.GATE, GATE)):
            yield f"    classDef {shape} fill:none,stroke:none,color:{colour}"
        yield f"    classDef {Shape.FROZEN} stroke-dasharray:4 3,color:{MUTED}"
        if self._picture.groups:
            yield "    classDef group fill:#80808018,stroke:#80808060"
            yield f"    class {','.join(f'group{number}' for number in range(len(self._picture.groups)))} group"
        arrows: dict[str, list[int]] = defaultdict(list)
        for number, arrow in enumerate(self._picture.arrows):
            arrows[f"stroke:{self._colour(arrow)}" + (",stroke-width:2px" if arrow.losses else "")].append(number)
        for style, numbers in arrows.items():
            yield f"    linkStyle {','.join(map(str, numbers))} {style}"

    def _colour(self, arrow: Arrow) -> str:
        if arrow.tone in TONES:
            return TONES[arrow.tone].light
        families = self._picture.families_of(arrow.losses) if arrow.tone is not Tone.FAINT else ()
        return self._colours[families[0]].light if len(families) == 1 else MUTED


def _quoted(text: str) -> str:
    escaped = text.replace("#", "#35;").replace('"', "#quot;").replace("<", "#lt;").replace(">", "#gt;")
    return '"' + escaped.replace("\n", "<br/>") + '"'
