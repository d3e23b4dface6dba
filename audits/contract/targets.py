"""The column Target: which stop-gradients belong to one loss alone."""

from __future__ import annotations

import re
from collections.abc import Iterable

from audits.contract.prose import plain, says_nothing
from audits.places import Stop
from audits.result import Flow

StopGrads = frozenset[str] | bool | None
"""Names in ``sg(..)``; or whether there are any; or None for prose that says neither."""

TOKEN = re.compile(r"(?<!\w)sg\(", re.IGNORECASE)
YES = ("yes", "stop-grad", "stop-gradient", "stopgrad")
STOPPED_IN_PROSE = re.compile(r"\b(detached|cut|stop-?grad(ient)?)\b")
"""The target, in a sentence: "z_t is detached"."""
HEDGED = re.compile(r"\b(no|not|never|without|unless|if|when|where|only|by|default|gate|gates)\b|n't\b|=")
STOPPED = (
    re.compile(r"sg_(?P<name>.+)"),
    re.compile(r"(?P<name>.+)\.detach\(\)"),
    re.compile(r"(?:stop|torch\.detach)\((?P<name>.+)\)"),
)


def read_target(text: str) -> StopGrads:
    """What a cell says."""
    names = frozenset(_squeezed(name) for name in _tokens(text.replace("\\_", "_")))
    said = plain(text).rstrip(".").lower()
    if names:
        return names
    if said in YES or (STOPPED_IN_PROSE.search(said) and not HEDGED.search(said)):
        return True
    return False if said == "no" or (said and says_nothing(said)) else None


def target_text(names: Iterable[str]) -> str:
    """A cell that says these names; "yes" where their brackets do not close."""
    names = sorted(names)
    text = ", ".join(f"sg({name})" for name in names)
    if not names:
        return "—"
    return text if read_target(text) == frozenset(names) else "yes"


def free_stops(flow: Flow, loss: str) -> tuple[Stop, ...]:
    """The stop-gradients of a loss that no gate makes."""
    return tuple(stop for stop in flow.stops.get(loss, ()) if stop.kind.deliberate and stop.gate is None)


def own_stops(flow: Flow, loss: str) -> tuple[Stop, ...]:
    """Those of them that no other loss has."""
    others = {stop for other, stops in flow.stops.items() if other != loss for stop in stops}
    return tuple(stop for stop in free_stops(flow, loss) if stop not in others)


def stop_names(stops: Iterable[Stop]) -> frozenset[str]:
    """Without spaces, so that a line break in the source is no difference."""
    return names_of(stop.place.text for stop in stops)


def names_of(texts: Iterable[str]) -> frozenset[str]:
    """What some expressions stop: ``z`` of ``z.detach()``."""
    return frozenset(_squeezed(_name(" ".join(text.split()))) for text in texts)


def differs(said: StopGrads, flow: Flow, loss: str, *, partial: bool) -> bool:
    """Whether a cell says something else than what was measured.

    `partial`: the flow lacks some losses of the document, so that nobody knows which stops this loss shares with them.
    """
    if said is None:
        return False
    if said is True:
        return not free_stops(flow, loss)
    names = said or frozenset()
    if partial:
        return not names <= stop_names(free_stops(flow, loss))
    return names != stop_names(own_stops(flow, loss))


def _name(text: str) -> str:
    """What is stopped: ``z`` of ``sg_z``, ``z.detach()`` and ``stop(z)``."""
    matches = (pattern.fullmatch(text) for pattern in STOPPED)
    names = (match["name"] for match in matches if match)
    return next((name for name in names if _closed(name)), text)


def _closed(text: str) -> bool:
    """Whether every bracket closes, and none before it opened."""
    depths = [text[:end].count("(") - text[:end].count(")") for end in range(len(text) + 1)]
    return min(depths) >= 0 and depths[-1] == 0


def _tokens(text: str) -> Iterable[str]:
    """What stands in each ``sg(..)``, brackets inside included."""
    start = 0
    while match := TOKEN.search(text, start):
        inside, start = _inside(text[match.end() :]), match.end()
        if inside is not None:
            yield inside
            start += len(inside)


def _inside(text: str) -> str | None:
    """Up to the bracket that closes what was opened before the text; None where it never closes."""
    ends = (end for end, letter in enumerate(text) if letter == ")" and _closed(text[:end]))
    return next((text[:end] for end in ends), None)


def _squeezed(name: str) -> str:
    return "".join(name.replace("`", "").split())
