"""A picture as text: the flow of data as a tree, and beside each branch the families whose gradient comes back."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from textwrap import wrap
from typing import NamedTuple

from audits.diagram import key
from audits.diagram.picture import Arrow, Box, Picture, Shape, Tone

SIGNS = {Shape.CUT: "✂ ", Shape.GATE: "◇ "}
TONES = {Tone.ADDED: "+", Tone.REMOVED: "-", Tone.UNDOCUMENTED: "!", Tone.UNMEASURED: "?"}
AGAIN = " ↺"
LONGEST = 34
WIDTH = 80
ASCII = str.maketrans("│├└─◄✂◇↺…−", "||`-<XO@~-")
"""What to write instead where there are no other letters."""


class Part(NamedTuple):
    """A piece of a line."""

    text: str
    family: str = ""
    """Whose colour it has."""
    tone: Tone = Tone.PLAIN


Line = list[Part]


def text(picture: Picture) -> str:
    """The lines of `lines`, without colours."""
    return "\n".join("".join(part.text for part in line).rstrip() for line in lines(picture)) + "\n"


def lines(picture: Picture) -> Iterator[Line]:
    """Title, key, tree, what each loss updates, notes. Nothing is wider than its longest name asks for."""
    return _Writer(picture).all()


Row = tuple[str, Sequence[Arrow]]
"""A box with the branches before it, and the arrows that lead to it."""


class _Writer:
    def __init__(self, picture: Picture) -> None:
        self._picture = picture
        self._letters = _letters(picture.families)
        self._boxes = {box.key: box for box in picture.boxes}
        self._arrows: dict[str, dict[str, list[Arrow]]] = defaultdict(dict)
        for arrow in picture.arrows:
            if arrow.data:
                self._arrows[arrow.source].setdefault(arrow.sink, []).append(arrow)
        self._parents = self._nearest()

    def all(self) -> Iterator[Line]:
        yield [Part(self._picture.title)]
        yield []
        yield from self._key()
        yield []
        yield from self._tree()
        yield []
        yield from self._updates()
        yield from self._beside()
        if self._picture.notes:
            yield []
        for note in self._picture.notes:
            yield from ([Part(line)] for line in wrap(note, WIDTH, subsequent_indent="  "))

    def _key(self) -> Iterator[Line]:
        families = key.families(self._picture)
        yield from _wrapped(Part(f"{self._letters[name]} {title or name}   ", name) for name, title in families)
        marks = [text for text in key.explanations(self._picture) if text[0] in "✂◇"]
        tones = [f"{TONES[tone]} {meaning}" for tone, meaning in key.tones(self._picture)]
        told = ["[..] losses", "◄ gradient that comes back", "↺ shown elsewhere", *marks, *tones]
        yield from _wrapped(Part(f"{item}   ") for item in told)

    # Tree -------------------------------------------------------------------------------------------------------

    def _nearest(self) -> dict[str, str]:
        """By box: the one below which it stands, so that it is as near to an input as it can be."""
        fed = {sink for source, sinks in self._arrows.items() for sink in sinks if sink != source}
        roots = [box.key for box in self._picture.boxes if box.key not in fed]
        found: dict[str, str] = {}
        for start in (*roots, *self._boxes):  # the second for what feeds only itself
            if start in found:
                continue
            found[start] = ""
            queue = deque([start])
            while queue:
                box = queue.popleft()
                for sink in self._arrows.get(box, ()):
                    if sink not in found:
                        found[sink] = box
                        queue.append(sink)
        return found

    def _tree(self) -> Iterator[Line]:
        rows = [row for box, parent in self._parents.items() if not parent for row in self._branch(box, "", "", [])]
        width = max((len(left) for left, _ in rows), default=0)
        for left, arrows in rows:
            yield [Part(left.ljust(width + 2)), *self._gradient(arrows)]

    def _branch(self, box: str, fork: str, trunk: str, arrows: Sequence[Arrow]) -> Iterator[Row]:
        """A box and all that stands below it; `fork` and `trunk` are drawn before it and before those."""
        yield fork + self._name(self._boxes[box]), arrows
        below = list(self._arrows.get(box, {}).items())
        for number, (sink, ways) in enumerate(below):
            last = number == len(below) - 1
            start, rest = trunk + ("└─ " if last else "├─ "), trunk + ("   " if last else "│  ")
            if self._parents[sink] == box:
                yield from self._branch(sink, start, rest, ways)
            else:
                yield start + self._name(self._boxes[sink]) + (AGAIN if sink in self._arrows else ""), ways

    def _name(self, box: Box) -> str:
        first = box.lines[0] if len(box.lines[0]) <= LONGEST else box.lines[0][: LONGEST - 1] + "…"
        if box.shape is Shape.LOSS:
            first = f"[{', '.join(box.lines)}]"
        rest = f"  {', '.join(box.lines[1:])}" if box.shape in SIGNS and len(box.lines) > 1 else ""
        if box.shape is Shape.FROZEN:
            rest = f" ({', '.join(box.lines[1:])})"
        return f"{TONES.get(box.tone, '')}{SIGNS.get(box.shape, '')}{first}{rest}"

    def _gradient(self, arrows: Iterable[Arrow]) -> Iterator[Part]:
        shown = [arrow for arrow in arrows if arrow.losses]
        if shown:
            yield Part("◄")
        for arrow in shown:
            sign = TONES.get(arrow.tone, "")
            for family in self._picture.families_of(arrow.losses):
                yield Part(f" {sign}{self._letters[family]}", family, arrow.tone)

    # Losses -----------------------------------------------------------------------------------------------------

    def _updates(self) -> Iterator[Line]:
        """What each box of losses updates."""
        boxes = [box for box in self._picture.boxes if box.shape is Shape.LOSS and box.tone is not Tone.REMOVED]
        boxes.sort(key=lambda box: self._picture.losses.index(box.losses[0]))
        width = max((len(", ".join(box.lines)) for box in boxes), default=0)
        for box in boxes:
            family = self._picture.family_of(box.losses[0])
            modules = [m.lines[0] for m in self._picture.boxes if m.shape is Shape.MODULE and box.losses[0] in m.losses]
            name = f"{self._letters[family]} {', '.join(box.lines).ljust(width)}  updates "
            told = wrap(", ".join(modules) or "nothing", max(WIDTH - len(name), LONGEST))
            yield [Part(name, family), Part(told[0])]
            yield from ([Part(" " * len(name) + line)] for line in told[1:])

    def _beside(self) -> Iterator[Line]:
        """Arrows beside the flow of data."""
        for arrow in self._picture.arrows:
            if not arrow.data:
                yield [Part(f"{TONES.get(arrow.tone, '')} {arrow.hint}".strip(), tone=arrow.tone)]


def _letters(families: Iterable[str]) -> dict[str, str]:
    """One for each family: the first of its name that no other has, or else a number."""
    found: dict[str, str] = {}
    for number, family in enumerate(families, start=1):
        free = (letter.upper() for letter in family if letter.isalpha() and letter.upper() not in found.values())
        found[family] = next(free, str(number))
    return found


def _wrapped(parts: Iterable[Part], width: int = WIDTH) -> Iterator[Line]:
    line: Line = []
    for part in parts:
        if line and sum(len(each.text) for each in line) + len(part.text.rstrip()) > width:
            yield line
            line = []
        line.append(part)
    if line:
        yield line
