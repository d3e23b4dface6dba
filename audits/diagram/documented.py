"""A picture with what a document says of it: which gradient it does not know, and which it claims in vain."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from audits.contract import Comparison
from audits.diagram.picture import Arrow, Box, Picture, Shape, Tone
from audits.drift import Drift, DriftKind
from audits.formats.wording import counted

TONES = {DriftKind.UNEXPECTED: Tone.UNDOCUMENTED, DriftKind.MISSING: Tone.UNMEASURED}


def beside_document(picture: Picture, comparison: Comparison, *, setting: str, document: str) -> Picture:
    """An arrow wherever document and measurement differ on a module at a setting; what no arrow can show as notes."""
    drifts = [drift for drift in comparison.drifts if setting in drift.settings]
    arrows = [_arrow(drift, picture) for drift in drifts if drift.kind in TONES]
    missing = [Box(a.source, Shape.MODULE, (a.source.partition(".")[2],), tone=Tone.FAINT) for a in arrows]
    known = {box.key for box in picture.boxes}
    boxes = {box.key: box for box in missing if box.key not in known}
    verdict = f"{document}: " + (counted(len(drifts), "drift") if drifts else "as documented")
    return replace(
        picture,
        boxes=(*picture.boxes, *boxes.values()),
        arrows=(*picture.arrows, *arrows),
        notes=(*picture.notes, verdict, *_said(drifts)),
    )


def _arrow(drift: Drift, picture: Picture) -> Arrow:
    loss = next(box.key for box in picture.boxes if box.shape is Shape.LOSS and drift.loss in box.losses)
    hint = f"{drift.loss}: expected {drift.expected}, found {drift.found}"
    return Arrow(f"module.{drift.module}", loss, (drift.loss,), TONES[drift.kind], hint, data=False)


def _said(drifts: Iterable[Drift]) -> Iterable[str]:
    """What no arrow shows: a stop or a number of paths."""
    return (
        f"{drift.loss}: {drift.kind}: expected {drift.expected}, found {drift.found}"
        for drift in drifts
        if drift.kind not in TONES
    )
