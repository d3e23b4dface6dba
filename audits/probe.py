"""What the autograd graph and the recording say of one setting, on every batch."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import nullcontext
from dataclasses import dataclass, field, replace

from audits.cosines import measured_with_cosines
from audits.forward import BATCHES, NotRunnable, forward
from audits.judging.decision import Cells, Pass
from audits.kinks import kinked
from audits.places import Stop
from audits.recording.chance import is_scripted
from audits.recording.recorder import Recorder
from audits.recording.source_lines import Sources
from audits.result import Cell, Pair, Routes, Setting, Status
from audits.routing.recorder import RouteRecorder
from audits.routing.routes import routes
from audits.suspects import suspects
from audits.target import Target
from audits.usage import Calls, Usage
from audits.walking import Walk, as_frozen


@dataclass
class Sight:
    """All that was seen, and still to be decided."""

    cells: Cells
    stops: dict[str, tuple[Stop, ...]]
    routes: dict[str, Routes]
    """Of the first batch."""
    low: Pass
    """The first batch."""
    called: set[str]
    """Keys of the places that stop gradient."""
    known: tuple[str, ...]
    cosines: dict[str, dict[Pair, float]]
    notes: list[str]
    may_route: bool
    """Whether the forward pass drew random numbers that can have led it another way."""
    suspects: dict[Pair, str] = field(default_factory=dict)
    """Pairs whose gradient may be another than the derivative, and what can make it so."""
    kinked: set[Pair] = field(default_factory=set)
    """Pairs whose gradient may be the sign of noise times a gradient."""
    usage: Usage = field(default_factory=Usage)
    late: dict[Pair, int] = field(default_factory=dict)
    """Pairs without a path on the first batch, and the batch or seed on which they have one."""


def probe(
    target: Target,
    setting: Setting,
    losses: Collection[str] | None,
    sources: Sources,
    *,
    cosines: bool = False,
    seeds: bool = True,
) -> Sight:
    """The first batch, every further one, and with `seeds` more seeds, where random numbers may route."""
    sight = _see(target, setting, losses, sources, 0, cosines=cosines)
    for batch in range(1, len(target.batches)):
        _add(sight, _see(target, setting, losses, sources, batch), batch)
    if sight.may_route and seeds:
        for batch in range(max(1, len(target.batches)), BATCHES):
            if _routes_otherwise(target, setting, losses, batch, sight.cells):
                _add(sight, _see(target, setting, losses, sources, batch), batch)
    _find_frozen(target, setting, losses, sight)
    return sight


def _see(
    target: Target,
    setting: Setting,
    losses: Collection[str] | None,
    sources: Sources,
    batch: int,
    *,
    cosines: bool = False,
) -> Sight:
    """One recorded pass in the trainer's own precision. Its graph is gone when this returns."""
    recorder = RouteRecorder(sources) if batch == 0 else Recorder(sources)
    watching = recorder.watching(target) if isinstance(recorder, RouteRecorder) else nullcontext(target)
    with (
        Calls(target).watched() as calls,
        watching as watched,
        forward(watched, setting, losses=losses, batch=batch, recorder=recorder) as run,
    ):
        recording = recorder.finish(run.losses.values())
        routed = routes(target, run, recorder, sources) if isinstance(recorder, RouteRecorder) else {}
        measured, angles = measured_with_cosines(run) if cosines else (None, {})
        low = Pass.of(run, measured)
        walk = Walk(run, recording, low.measured)
        return Sight(
            cells=walk.cells(),
            stops=walk.stops(),
            routes=routed,
            low=low,
            called=recording.called,
            known=tuple(run.known),
            cosines=angles,
            notes=walk.notes(),
            may_route=run.draws_for_python or (run.draws and (recorder.decided or is_scripted())),
            suspects=suspects(run, recording),
            kinked=kinked(run),
            usage=calls.usage(run),
        )


def _add(sight: Sight, other: Sight, batch: int) -> None:
    """What a further batch shows that the first did not."""
    for pair, cell in sight.cells.items():
        seen = other.cells[pair]
        if seen.nonfinite and not cell.nonfinite:
            reason = f"the gradient has NaN or infinity on batch {batch + 1}"
            sight.cells[pair] = replace(seen, status=Status.NONFINITE, reason=reason)
        elif cell.status in (Status.ABSENT, Status.FROZEN) and seen.waits:
            sight.cells[pair] = seen
            sight.late[pair] = batch
        elif cell.waits and seen.status is Status.UNKNOWN and seen.reason:
            sight.cells[pair] = seen
    for loss, stops in other.stops.items():
        sight.stops[loss] = tuple(dict.fromkeys((*sight.stops[loss], *stops)))
    sight.called |= other.called
    sight.usage = sight.usage.merged(other.usage)


def _routes_otherwise(
    target: Target, setting: Setting, losses: Collection[str] | None, batch: int, cells: Cells
) -> bool:
    """Whether another seed gives some pair a path that has none; a walk without gradients says so."""
    with forward(target, setting, losses=losses, batch=batch) as run:
        return any(
            count and cells[loss, column.module].status in (Status.ABSENT, Status.FROZEN)
            for column in run.columns
            for loss, count in zip(run.losses, run.graph.reached(column.tensors), strict=True)
        )


def _find_frozen(target: Target, setting: Setting, losses: Collection[str] | None, sight: Sight) -> None:
    """Frozen parameters that torch uses out of Python's sight: thaw the copies, and see what is reached then."""
    if not any(_may_be_frozen(cell) for cell in sight.cells.values()):
        return
    try:
        with forward(target, setting, losses=losses, thaw=True) as run:
            for column in run.columns:
                for loss, count in zip(run.losses, run.graph.reached(column.tensors), strict=True):
                    cell = sight.cells[loss, column.module]
                    if count and _may_be_frozen(cell):
                        sight.cells[loss, column.module] = as_frozen(replace(cell, stops=(), chained=False))
    except NotRunnable:  # what a frozen module gives may be used as one may use no value with gradient
        return


def _may_be_frozen(cell: Cell) -> bool:
    return cell.status is Status.ABSENT and cell.frozen > 0
