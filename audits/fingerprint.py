"""Routing without gradients: what one forward pass alone says, at hardly more than its own cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from audits.forward import forward
from audits.recording.recorder import Recorder
from audits.recording.sources import Sources
from audits.result import Pair, Setting
from audits.target import Target
from audits.walking import losses_stops


@dataclass(frozen=True)
class Fingerprint:
    """Presence, path counts and stops: all that a contract remembers."""

    paths: Mapping[Pair, int]
    """Number of paths in the autograd graph; presence is that it is not zero."""
    stops: Mapping[str, frozenset[str]]
    """By loss: keys of the places where its gradient ends."""
    called: frozenset[str] = field(compare=False)
    """Keys of all places that stop gradient, whether or not there was any to stop."""


def fingerprint(target: Target, setting: Setting, *, without: str = "") -> Fingerprint:
    """One forward pass and one walk of its graph; the stop with the key `without` is taken out."""
    recorder = Recorder(Sources(target.helpers, target.locate), without=[without] if without else [])
    with forward(target, setting, recorder=recorder) as run:
        recording = recorder.finish(run.losses.values())
        stops = losses_stops(run, recording)
        paths = {
            (loss, column.module): count
            for column in run.columns
            for loss, count in zip(run.losses, run.graph.paths(column.tensors), strict=True)
        }
    keys = {loss: frozenset(stop.place.key for stop in found) for loss, found in stops.items()}
    return Fingerprint(paths, keys, frozenset(recording.called))
