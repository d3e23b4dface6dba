"""Names in plain prose: "`encoder` and `decoder`", "z_to_h only (h_to_z frozen for aux)", "none"."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from audits.contract.quoting import BARE, as_code, code_spans, is_bare, unquoted
from audits.errors import nearest

EXCLUSIVE = ("only", "just", "both", "alone")
"""Words that are wrong as soon as a name joins or leaves."""
FILLERS = ("the", "also", *EXCLUSIVE)
NETWORK_FILLERS = ("head", "heads", "module", "modules", "network", "networks", "net", "weights", "parameters")
NEGATIONS = ("not", "no", "without", "except", "never")
DASHES = ("", "—", "–", "-")
NOTHING = (*DASHES, "none", "nothing")
PARENTHESES = re.compile(r"\([^()]*\)")
LINE_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
ESCAPED = re.compile(r"\\([_*`\[\]()#+.!~-])")
MARKUP = str.maketrans("", "", "`*[]")
HIDDEN = "\x00"
"""Stands for each character in which no separator is looked for."""
FIRST_NAME = 0xF0000
"""Private characters stand for names whose letters must not be read; none of them is in a document."""
PRIVATE = re.compile("[\U000f0000-\U000ffffd\x00]")


@dataclass(frozen=True)
class Lexicon:
    """The names that one kind of cell may hold, and what else its words mean."""

    kind: str
    """``loss`` or ``module``, for messages."""
    names: tuple[str, ...]
    separators: str
    """Characters between items; so are line breaks and the word "and"."""
    fillers: tuple[str, ...]

    @cached_property
    def separator(self) -> re.Pattern[str]:
        words = "" if "and" in self.names else r"|(?<![\w.-])and(?![\w.-])"
        return re.compile(rf"[{re.escape(self.separators)}]|<br\s*/?>{words}", re.IGNORECASE)

    @cached_property
    def verbatim(self) -> re.Pattern[str] | None:
        """Names with unusual characters, where they stand in prose as they are."""
        odd = sorted((n for n in self.names if not BARE.fullmatch(n) and re.search(r"\w", n)), key=len, reverse=True)
        return re.compile(rf"(?<![\w.-])(?:{'|'.join(map(re.escape, odd))})(?!\w|[.-]\w)") if odd else None

    def written(self, name: str, *, code: bool) -> str:
        """A name for a cell, in a code span if asked, or if it would not be read back without."""
        return as_code(name) if code or self.verbatim or not is_bare(name) else name


@dataclass(frozen=True)
class Item:
    """What stands between two separators."""

    start: int
    end: int
    """Where in the text of the cell, blanks left out."""
    text: str
    """Its words, without markup and brackets."""
    name: str | None
    problem: str = ""
    """Why there is no name."""


def modules_of(names: Collection[str]) -> Lexicon:
    return _lexicon("module", tuple(names), ",;+&/", (*FILLERS, *NETWORK_FILLERS))


def losses_of(names: Collection[str]) -> Lexicon:
    return _lexicon("loss", tuple(names), ",;+&", (*FILLERS, "loss", "losses"))


@lru_cache(maxsize=64)
def _lexicon(kind: str, names: tuple[str, ...], separators: str, fillers: tuple[str, ...]) -> Lexicon:
    return Lexicon(kind, names, separators, fillers)


def plain(text: str) -> str:
    """Without backticks, asterisks and the brackets of links."""
    return text.translate(MARKUP).strip()


def says_nothing(text: str) -> bool:
    """Whether a cell is empty or has one of the words and dashes for "none"."""
    return plain(text).rstrip(".").lower() in NOTHING


def module_names(text: str, modules: Collection[str]) -> tuple[list[str], list[str]]:
    """The modules that a cell names, and what is wrong with it, a sentence for each item that is no module."""
    items = read_items(text, modules_of(modules))
    return list(dict.fromkeys(item.name for item in items if item.name is not None)), [
        i.problem for i in items if i.problem
    ]


def loss_names(text: str, losses: Collection[str]) -> tuple[list[str], list[str]]:
    """The losses that a cell names, unknown ones as they stand there, and a sentence for each unknown one."""
    items = read_items(text, losses_of(losses))
    names = [item.text if item.name is None else item.name for item in items]
    return names, [item.problem for item in items if item.problem]


def read_items(text: str, lexicon: Lexicon) -> list[Item]:
    """Every item of a cell; none where the cell says "none"."""
    text = PRIVATE.sub("\ufffd", text)
    if text.strip() in DASHES:
        return []
    items = []
    for start, end in _pieces(text, lexicon):
        words = _words(text[start:end], lexicon)
        if words:
            items.append(_item(start, end, words, lexicon))
    if len(items) == 1 and items[0].name is None and says_nothing(_without_parentheses(text)):
        return []
    return items


def hidden(text: str, lexicon: Lexicon) -> str:
    """The text at its length, with code spans, unusual names and brackets hidden."""
    spans = code_spans(text)
    text = _hide(text, [(start, end) for start, end, content in spans if unquoted(content, lexicon.names) is not None])
    if lexicon.verbatim:
        text = _hide(text, [match.span() for match in lexicon.verbatim.finditer(text)])
    while spans := [match.span() for match in PARENTHESES.finditer(text)]:
        text = _hide(text, spans)
    return text


def _hide(text: str, spans: Sequence[tuple[int, int]]) -> str:
    for start, end in spans:
        text = text[:start] + HIDDEN * (end - start) + text[end:]
    return text


def _pieces(text: str, lexicon: Lexicon) -> Iterator[tuple[int, int]]:
    """Where each item starts and ends."""
    start = 0
    for match in [*lexicon.separator.finditer(hidden(text, lexicon)), None]:
        end = match.start() if match else len(text)
        piece = text[start:end]
        if piece.strip():
            yield start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip())
        start = match.end() if match else end


def _words(text: str, lexicon: Lexicon) -> list[str]:
    """The words of an item; a name in a code span, or with unusual characters, is one word."""
    found: list[str] = []

    def keep(name: str) -> str:
        found.append(name)
        return f" {chr(FIRST_NAME + len(found) - 1)} "

    for start, end, content in reversed(code_spans(text)):
        name = unquoted(content, lexicon.names)
        text = text[:start] + (keep(name) if name is not None else content) + text[end:]
    if lexicon.verbatim:
        text = lexicon.verbatim.sub(lambda match: keep(match[0]), text)
    text = plain(_without_parentheses(ESCAPED.sub(r"\1", text)))
    return [found[ord(word) - FIRST_NAME] if PRIVATE.fullmatch(word) else word for word in text.split()]


def _without_parentheses(text: str) -> str:
    shorter = PARENTHESES.sub(" ", text)
    return text if shorter == text else _without_parentheses(shorter)


def _item(start: int, end: int, words: list[str], lexicon: Lexicon) -> Item:
    """The one known name among the words of an item. A name that looks like a filler wins over the filler."""
    known = lexicon.names
    bare = [word for word in (_bare(word, known) for word in words) if word]
    content = [word for word in bare if word.lower() not in lexicon.fillers]
    candidates = (bare, content or [word for word in bare if word in known])
    name = next((name for name in map(" ".join, candidates) if name in known), None)
    return Item(start, end, " ".join(words), name, "" if name is not None else _problem(words, lexicon))


def _bare(word: str, known: Collection[str]) -> str:
    """Without the punctuation and emphasis that are not part of a name."""
    word = word if word in known else word.rstrip(".:")
    return word if word in known else word.strip("_")


def _problem(words: list[str], lexicon: Lexicon) -> str:
    item, known, kind = " ".join(words), lexicon.names, lexicon.kind
    if kind == "loss":
        return f"unknown loss {item!r}: {nearest(item, known)}"
    content = [word for word in words if word.lower() not in lexicon.fillers]
    if any(word.lower() in NEGATIONS for word in words):
        return f"{item!r} says what is not updated: name only what is updated"
    unknown = next((word for word in content if word not in known), None)
    if unknown is not None:
        within = "" if unknown == item else f" in {item!r}"
        return f"unknown {kind} {unknown!r}{within}: {nearest(unknown, known)}"
    if not content:
        return f"{item!r} names no {kind}: {nearest(item, known)}"
    return f"{item!r} names several {kind}s: put commas between them"
