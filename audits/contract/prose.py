"""Names in plain prose: "`encoder` and `decoder`", "z_to_h only (h_to_z frozen for aux)", "none"."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache

from audits.errors import nearest

LOSS_FILLERS = ("the", "only", "both", "just", "also", "loss", "losses")
NETWORK_FILLERS = ("head", "heads", "module", "modules", "network", "net")
MODULE_FILLERS = ("the", "only", "both", "just", "also", *NETWORK_FILLERS)
NEGATIONS = ("not", "no", "without", "except")
NOTHING = ("", "none", "nothing", "—", "–", "-")
PARENTHESES = re.compile(r"\([^()]*\)")
LINE_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
MARKUP = str.maketrans("", "", "`*[]")


def plain(text: str) -> str:
    """Without backticks, asterisks and the brackets of links."""
    return text.translate(MARKUP).strip()


def says_nothing(text: str) -> bool:
    """Whether a cell is empty or has one of the words and dashes for "none"."""
    return plain(text).rstrip(".").lower() in NOTHING


def module_names(text: str, modules: Collection[str]) -> tuple[list[str], list[str]]:
    """The modules that a cell names, and what is wrong with it, a sentence for each item that is no module."""
    names, problems = [], []
    for words in _items(text, tuple(modules), separators=",;+&/"):
        name = _name(words, modules, MODULE_FILLERS)
        if name is None:
            problems.append(_problem(words, modules))
        elif name not in names:
            names.append(name)
    return names, problems


def loss_names(text: str, losses: Collection[str]) -> tuple[list[str], list[str]]:
    """The losses that a cell names, unknown ones as they stand there, and a sentence for each unknown one."""
    names, problems = [], []
    for words in _items(text, tuple(losses), separators=",;+&"):
        name = _name(words, losses, LOSS_FILLERS)
        if name is None:
            problems.append(f"unknown loss {' '.join(words)!r}: {nearest(' '.join(words), losses)}")
        names.append(name or " ".join(words))
    return names, problems


def _items(text: str, known: tuple[str, ...], *, separators: str) -> list[list[str]]:
    """The words of each item. A known name is one word, whatever characters it has."""
    text = plain(_without_parentheses(LINE_BREAK.sub(",", text)))
    if text not in known and says_nothing(text):
        return []
    items: list[list[str]] = [[]]
    for word in _words(known, separators).findall(text):
        if word not in known and (word in separators or word.lower() == "and"):
            items.append([])
        else:
            items[-1].append(word)
    return [words for words in items if words]


@lru_cache
def _words(known: tuple[str, ...], separators: str) -> re.Pattern[str]:
    names = "|".join(map(re.escape, sorted(known, key=len, reverse=True))) or "(?!)"
    split = re.escape(separators)
    return re.compile(rf"(?<![\w.-])(?:{names})(?!\w|[.-]\w)|[{split}]|[^\s{split}]+")


def _without_parentheses(text: str) -> str:
    shorter = PARENTHESES.sub(" ", text)
    return text if shorter == text else _without_parentheses(shorter)


def _name(words: list[str], known: Collection[str], fillers: Collection[str]) -> str | None:
    """The one known name among the words of an item. A name that looks like a filler wins over the filler."""
    words = [word for word in (_bare(word, known) for word in words) if word]
    content = [word for word in words if word.lower() not in fillers]
    candidates = (words, content or [word for word in words if word in known])
    return next((name for name in map(" ".join, candidates) if name in known), None)


def _bare(word: str, known: Collection[str]) -> str:
    """Without the punctuation and emphasis that are not part of a name."""
    word = word if word in known else word.rstrip(".:")
    return word if word in known else word.strip("_")


def _problem(words: list[str], modules: Collection[str]) -> str:
    item = " ".join(words)
    content = [word for word in words if word.lower() not in MODULE_FILLERS]
    if any(word.lower() in NEGATIONS for word in words):
        return f"{item!r} says what is not updated: name only what is updated"
    unknown = next((word for word in content if word not in modules), None)
    if unknown is not None:
        within = "" if unknown == item else f" in {item!r}"
        return f"unknown module {unknown!r}{within}: {nearest(unknown, modules)}"
    if not content:
        return f"{item!r} names no module: {nearest(item, modules)}"
    return f"{item!r} names several modules: put commas between them"
