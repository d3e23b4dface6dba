"""Applying all rules to some settings: what they find, and which findings count."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from jepa_world_model.record import Routing, record
from jepa_world_model.rules import RULES, Check, Found, Level, Rule
from jepa_world_model.rules.rule import excused
from jepa_world_model.rules.settings import Settings


@dataclass(frozen=True)
class Finding:
    """Something that a rule found, and whether it counts."""

    rule: Rule
    found: Found
    accepted: str = ""
    """The reason why it was accepted; empty if it was not."""
    known: bool = False
    """Whether the settings that it is compared with have it too."""

    @property
    def level(self) -> Level:
        return self.rule.level

    def counts(self, least: Level, *, strict: bool = False) -> bool:
        """Whether a check fails by it: an error always; any other one if it is new and not accepted.

        `strict`: known and accepted ones too.
        """
        excused = (self.accepted or self.known) and self.level is not Level.ERROR
        return self.level.rank >= least.rank and (strict or not excused)


def recorded(settings: Settings) -> Check:
    """A check by the routing that was recorded with this version of the code."""
    return Check(settings, _routing(settings.gates), {gate: _closed(settings, gate) for gate in settings.gates})


def judge(check: Check, baseline: Check | None = None) -> list[Finding]:
    """What every rule finds, the most severe first."""
    found = [finding for rule in RULES.values() for finding in _by(rule, check, baseline)]
    return sorted(found, key=lambda finding: -finding.level.rank)


def _by(rule: Rule, check: Check, baseline: Check | None) -> Iterator[Finding]:
    before = [set(found.subjects) for found in rule.look(baseline)] if baseline else []
    reason = check.settings.accept[rule.id] if excused(rule, check) else ""
    for found in rule.look(check):
        known = any(set(found.subjects) <= subjects for subjects in before)
        yield Finding(rule, found, reason, known)


def _routing(gates: dict[str, bool]) -> Routing:
    return record().routing(gates)


def _closed(settings: Settings, gate: str) -> Routing:
    return _routing({**settings.gates, gate: True})
