"""One sentence on what was measured, with whom it is about and where."""

from __future__ import annotations

from dataclasses import dataclass

from audits.places import Place


@dataclass(frozen=True)
class Remark:
    """One sentence on what was measured.

    Attributes:
        kind: Which remark it is, such as ``not updated``.
        text: The sentence.
        losses: The losses that it is about.
        modules: The modules that it is about.
        names: All names that it is about, of parameters or of modules without a column, unshortened.
        place: Where in the code to look. None where that is not known.
        fails: Whether it is a failure without being asked for: the trainer cannot train like this.
    """

    kind: str
    text: str
    losses: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    place: Place | None = None
    fails: bool = False
