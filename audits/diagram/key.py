"""What a reader needs to know to read a picture: the part that is below every title."""

from __future__ import annotations

from collections.abc import Iterator

from audits.diagram.picture import Picture, Shape, Tone

SHAPES = {
    Shape.CUT: "✂ gradient ends here",
    Shape.GATE: "◇ an open gate: here it could be ended",
    Shape.FROZEN: "dashed box: used without an update",
}
TONES = {
    Tone.ADDED: "added",
    Tone.REMOVED: "removed",
    Tone.UNDOCUMENTED: "measured, not documented",
    Tone.UNMEASURED: "documented, not measured",
}
DATA, GRADIENT, BY_FAMILY = "→ data", "← gradient", "← gradient, a colour for each family of losses"


def families(picture: Picture) -> Iterator[tuple[str, str]]:
    """A family and what it is called; one of a single loss needs no name beside it."""
    for family in picture.shown_families:
        yield family, "" if picture.families[family] == (family,) else family.replace("_", " ")


def explanations(picture: Picture) -> list[str]:
    """Only what occurs."""
    shapes = {box.shape for box in picture.boxes}
    coloured = any(arrow.losses and arrow.tone is Tone.PLAIN for arrow in picture.arrows)
    return [DATA, BY_FAMILY if coloured else GRADIENT, *(text for shape, text in SHAPES.items() if shape in shapes)]


def tones(picture: Picture) -> list[tuple[Tone, str]]:
    """Only those that occur."""
    occurring = {arrow.tone for arrow in picture.arrows} | {box.tone for box in picture.boxes}
    return [(tone, text) for tone, text in TONES.items() if tone in occurring]
