"""The result of checking a config."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from jepa_world_model.rules import Check, Level
from jepa_world_model.rules.edits import SettingChange, changes, effects
from jepa_world_model.rules.judging import Finding, judge


@dataclass(frozen=True)
class Report:
    """One config compared with its baseline."""

    check: Check
    baseline: Check
    findings: Sequence[Finding]
    least: Level
    """From which level on a finding fails the check."""
    strict: bool
    notes: Sequence[str] = ()
    """What a reader should know about how it was checked."""

    @property
    def name(self) -> str:
        return self.check.settings.name

    @property
    def measured(self) -> bool:
        return self.check.measurement is not None

    @property
    def changes(self) -> list[SettingChange]:
        return changes(self.baseline, self.check)

    @property
    def effects(self) -> list[str]:
        return [*effects(self.baseline, self.check), *self._vacuous()]

    @property
    def failing(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.counts(self.least, strict=self.strict)]

    @property
    def passed(self) -> bool:
        return not self.failing

    @property
    def verdict(self) -> str:
        """``2 warnings``, or that no finding counts."""
        counts = [(level, sum(f.level is level for f in self.failing)) for level in reversed(Level)]
        named = [f"{count} {level}{'s' if count > 1 else ''}" for level, count in counts if count]
        return " and ".join(named) or "no findings that count"

    @property
    def file(self) -> str:
        """Of the config, relative to the current folder where it lies below; empty for none."""
        file = self.check.settings.file
        if file is None:
            return ""
        relative = os.path.relpath(file)
        return (str(file) if relative.startswith("..") else relative).replace(os.sep, "/")

    def line(self, finding: Finding) -> int | None:
        """Where in the file the first of its keys stands."""
        lines = (self.check.settings.line_of(key) for key in finding.found.keys)
        return next((line for line in lines if line), None)

    def excuses(self, finding: Finding) -> list[str]:
        """Why a finding does not count, if so."""
        accepted = [f"accepted: {finding.accepted}"] if finding.accepted else []
        known = [f"as in {self.baseline.settings.name}"] if finding.known else []
        return [*accepted, *known]

    def _vacuous(self) -> list[str]:
        """Updates that the edit empties."""
        after, before = (set(c.measurement.vacuous) if c.measurement else set() for c in (self.check, self.baseline))
        return [f"this edit leaves {loss} without effect on {module}" for loss, module in sorted(after - before)]


def report(check: Check, baseline: Check, *, least: Level, strict: bool, notes: Sequence[str]) -> Report:
    return Report(check, baseline, judge(check, baseline), least, strict, notes)
