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
LONGEST, LONGEST_MARK, HALF = 34, 54, 44
WIDTH = 80
ASCII = str.maketrans("│├└─◄✂◇↺…−", "||`-<XO@~-")
"""What to write instead where there are no other letters."""


class TextPart(NamedTuple):
    """A piece of a line."""

    text: str
    family: str = ""
    """Whose colour it has."""
    tone: Tone = Tone.PLAIN


Line = list[TextPart]


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
        yield [TextPart(self._picture.title)]
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
            yield from ([TextPart(line)] for line in wrap(note, WIDTH, subsequent_indent="  "))

    def _key(self) -> Iterator[Line]:
        families = key.families(self._picture)
        yield from _wrapped(TextPart(f"{self._letters[name]} {title or name}   ", name) for name, title in families)
        marks = [text for text in key.explanations(self._picture) if text[0] in "✂◇"]
        tones = [f"{TONES[tone]} {meaning}" for tone, meaning in key.tones(self._picture)]
        told = ["[..] losses", "◄ gradient that comes back", "↺ shown elsewhere", *marks, *tones]
        yield from _wrapped(TextPart(f"{item}   ") for item in told)

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
            yield [TextPart(left.ljust(width + 2)), *self._gradient(arrows)]

    def _branch(self, box: str, fork: str, trunk: str, arrows: Sequence[Arrow]) -> Iterator[Row]:
        """A box and all that stands below it; `fork` and `trunk` are drawn before it and before those."""
        below = list(self._arrows.get(box, {}).items())
        yield from self._rows(self._boxes[box], fork, trunk + ("│ " if below else "  "), arrows)
        for number, (sink, ways) in enumerate(below):
            last = number == len(below) - 1
            start, rest = trunk + ("└─ " if last else "├─ "), trunk + ("   " if last else "│  ")
            if self._parents[sink] == box:
                yield from self._branch(sink, start, rest, ways)
            else:
                yield from self._rows(self._boxes[sink], start, rest + "  ", ways, again=sink in self._arrows)

    def _rows(
        self, box: Box, start: str, further: str, arrows: Sequence[Arrow], *, again: bool = False
    ) -> Iterator[Row]:
        """A box on as many lines as its name needs."""
        first, *rest = self._name(box)
        yield f"{start}{TONES.get(box.tone, '')}{first}{AGAIN if again else ''}", arrows
        yield from ((further + line, ()) for line in rest)

    def _name(self, box: Box) -> list[str]:
        if box.shape is Shape.LOSS:
            return wrap(f"[{', '.join(box.lines)}]", LONGEST + len("[],"))
        first = SIGNS.get(box.shape, "") + shortened(box.lines[0], LONGEST)
        rest = ", ".join(box.lines[1:])
        if box.shape is Shape.FROZEN:
            return [f"{first} ({rest})"]
        if box.shape in SIGNS and rest:
            whole = f"{first}  {rest}"
            return [whole] if len(whole) <= LONGEST_MARK else [first, rest]
        return [first]

    def _gradient(self, arrows: Iterable[Arrow]) -> Iterator[TextPart]:
        shown = [arrow for arrow in arrows if arrow.losses]
        if shown:
            yield TextPart("◄")
        for arrow in shown:
            sign = TONES.get(arrow.tone, "")
            for family in self._picture.families_of(arrow.losses):
                yield TextPart(f" {sign}{self._letters[family]}", family, arrow.tone)

    # Losses -----------------------------------------------------------------------------------------------------

    def _updates(self) -> Iterator[Line]:
        """What each box of losses updates."""
        boxes = [box for box in self._picture.boxes if box.shape is Shape.LOSS and box.tone is not Tone.REMOVED]
        boxes.sort(key=lambda box: self._picture.losses.index(box.losses[0]))
        names = {
            box.key: f"{self._letters[self._picture.family_of(box.losses[0])]} {', '.join(box.lines)}" for box in boxes
        }
        width = max((len(name) for name in names.values() if len(name) <= HALF), default=0)
        for box in boxes:
            family = self._picture.family_of(box.losses[0])
            modules = [m.lines[0] for m in self._picture.boxes if m.shape is Shape.MODULE and box.losses[0] in m.losses]
            *above, name = wrap(names[box.key], WIDTH, subsequent_indent="  ")
            if above or len(name) > width:
                above, name = [*above, name], ""
            yield from ([TextPart(line, family)] for line in above)
            start = " " * (width + len("  updates "))
            told = wrap(", ".join(modules) or "nothing", WIDTH, initial_indent=start, subsequent_indent=start)
            yield [TextPart(name.ljust(width), family), TextPart(f"  updates {told[0].lstrip()}")]
            yield from ([TextPart(line)] for line in told[1:])

    def _beside(self) -> Iterator[Line]:
        """Arrows beside the flow of data."""
        for arrow in self._picture.arrows:
            if not arrow.data:
                yield [TextPart(f"{TONES.get(arrow.tone, '')} {arrow.hint}".strip(), tone=arrow.tone)]


def shortened(name: str, longest: int) -> str:
    return name if len(name) <= longest else name[: longest - 1] + "…"


def _letters(families: Iterable[str]) -> dict[str, str]:
    """One for each family: the first of its name that no other has, or else a number."""
    found: dict[str, str] = {}
    for number, family in enumerate(families, start=1):
        free = (letter.upper() for letter in family if letter.isalpha() and letter.upper() not in found.values())
        found[family] = next(free, str(number))
    return found


def _wrapped(parts: Iterable[TextPart], width: int = WIDTH) -> Iterator[Line]:
    line: Line = []
    for part in parts:
        if line and sum(len(each.text) for each in line) + len(part.text.rstrip()) > width:
            yield line
            line = []
        line.append(part)
    if line:
        yield line
