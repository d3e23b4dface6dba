"""The colours of all pictures, each for light pages with its twin for dark ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Colour(NamedTuple):
    """Hexadecimal RGB."""

    light: str
    dark: str


PAPER = Colour("#ffffff", "#0d1117")
PANEL = Colour("#f6f8fa", "#151b23")
RULE = Colour("#d1d9e0", "#3d444d")
INK = Colour("#1f2328", "#f0f6fc")
MUTED = Colour("#59636e", "#9198a1")
LINE = Colour("#8c959f", "#656c76")
STRAND = Colour("#afb8c1", "#565d66")
CUT = Colour("#b42318", "#ff8478")
GATE = Colour("#116329", "#56d364")
BOX = Colour("#eaeef2", "#262c36")
ADDED = Colour("#1a7f37", "#3fb950")
REMOVED = Colour("#cf222e", "#f85149")
UNDOCUMENTED = Colour("#d1242f", "#ff7b72")

FAMILIES = (
    Colour("#0072b2", "#58a6d8"),
    Colour("#d55e00", "#f08c3e"),
    Colour("#00856a", "#3ecfa6"),
    Colour("#b8548f", "#e38fc0"),
    Colour("#9a7b00", "#e3c14a"),
    Colour("#7354a8", "#b39ae0"),
    Colour("#2e9cca", "#8bd3f0"),
    Colour("#8c564b", "#c49a8d"),
)
"""After Okabe and Ito, told apart with colour-blind eyes; brown, violet and sky added."""

TINT = 0.14
SHADES = (0.12, 0.22, 0.34, 0.48)
"""Parts of a family's colour in the grounds of a heat map, from the weakest; text stands on each."""


def tint(colour: Colour) -> Colour:
    """The same on a ground that text can stand on."""
    return _mixed(colour, TINT)


def shade(colour: Colour, strength: int) -> Colour:
    """A ground of one of `len(SHADES)` strengths, from 0."""
    return _mixed(colour, SHADES[strength])


def family_colours(families: Sequence[str]) -> dict[str, Colour]:
    """One each, as long as there are enough."""
    return {family: FAMILIES[number % len(FAMILIES)] for number, family in enumerate(families)}


def known() -> list[Colour]:
    """Every colour that a picture may have."""
    plain = [PAPER, PANEL, RULE, INK, MUTED, LINE, STRAND, CUT, GATE, BOX, ADDED, REMOVED, UNDOCUMENTED, *FAMILIES]
    shades = (shade(colour, strength) for colour in FAMILIES for strength in range(len(SHADES)))
    return [*plain, *map(tint, FAMILIES), *shades]


def _mixed(colour: Colour, part: float) -> Colour:
    return Colour(_blend(colour.light, PAPER.light, part), _blend(colour.dark, PAPER.dark, part))


def _blend(colour: str, ground: str, part: float) -> str:
    pairs = ((int(colour[i : i + 2], 16), int(ground[i : i + 2], 16)) for i in (1, 3, 5))
    return "#" + "".join(f"{round(below + (above - below) * part):02x}" for above, below in pairs)
