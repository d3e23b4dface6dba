"""Alarms: a number that crossed its bound, reported once, in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from jepa_world_model.vitals import BELOW, BOUNDS, Bound


@dataclass(frozen=True)
class Alarm:
    """What crossed a bound, when, and what that means."""

    bound: Bound
    limit: float
    step: int
    value: float
    subject: str = ""
    """The loss, where the bound is one of losses."""

    @property
    def key(self) -> str:
        return f"{self.bound.key}:{self.subject}" if self.subject else self.bound.key

    def as_json(self) -> dict[str, Any]:
        return {"split": "alarm", "step": self.step, "alarm": self.key, "value": self.value, "bound": self.limit}

    def __str__(self) -> str:
        what = f"{self.bound.measure} {self.subject}".rstrip()
        side = "below" if self.bound.side == BELOW else "above"
        return f"step {self.step}: {what} = {self.value:.4g}, {side} {self.limit:g}: {self.bound.meaning}"


class Watch:
    """Keeps the alarms that were reported. Each is reported once in a run, however often the run is resumed."""

    def __init__(self, limits: Mapping[str, float], reported: Iterable[str] = ()) -> None:
        """`limits` are the values of the table [alarms]."""
        self._limits, self._reported = limits, set(reported)

    @property
    def reported(self) -> list[str]:
        return sorted(self._reported)

    def look(self, step: int, values: Mapping[str, float], subject: str = "", *, steps: int = 0) -> list[Alarm]:
        """Alarms that were not reported yet. `values` by measure; `steps` is the length of the run."""
        found = [
            Alarm(bound, self._limits[bound.key], step, values[bound.measure], subject)
            for bound in BOUNDS
            if bound.measure in values
            and step >= bound.patience * steps
            and bound.crossed(values[bound.measure], self._limits[bound.key])
        ]
        fresh = [alarm for alarm in found if alarm.key not in self._reported]
        self._reported |= {alarm.key for alarm in fresh}
        return fresh
