"""SARIF 2.1.0, as GitHub code scanning reads it: a rule for each kind of drift, a result for each drift."""

from __future__ import annotations

from collections import Counter
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from audits.drift import Drift, DriftKind
from audits.formats.locations import Location, locations
from audits.formats.sarif_parts import physical, sarif
from audits.formats.sarif_rules import RULES, rule_id
from audits.formats.wording import explanation, notes
from audits.places import Place

if TYPE_CHECKING:
    from audits.contract import Comparison
    from audits.result import Audit

ROLES = {"code": "where the gradient flows or is stopped", "document": "what the document says"}


def render(comparison: Comparison) -> str:
    """One run. Its category is the target, so that the alerts of several trainers do not replace each other."""
    audit = comparison.audit
    run = {
        "tool": {"driver": {"name": "jepa audit-grads", "rules": [_rule(kind) for kind in DriftKind]}},
        "automationDetails": {"id": f"gradient-flow/{audit.target}/"},
        "invocations": [{"executionSuccessful": True, "toolExecutionNotifications": _notifications(comparison)}],
        "results": _results(comparison),
    }
    return sarif(run)


def _rule(kind: DriftKind) -> dict[str, Any]:
    rule = RULES[kind]
    return {
        "id": rule_id(kind),
        "name": rule.name,
        "shortDescription": {"text": rule.summary},
        "fullDescription": {"text": rule.meaning},
        "help": {
            "text": f"{rule.meaning}\n\n{rule.remedy}",
            "markdown": f"{rule.meaning}\n\n**Remedy:** {rule.remedy}",
        },
        "defaultConfiguration": {"level": rule.level},
        "properties": {"tags": ["gradient-flow"], "precision": "very-high", "problem.severity": rule.level},
    }


def _notifications(comparison: Comparison) -> list[dict[str, Any]]:
    found = [
        {
            "level": "error" if remark in comparison.failures else "warning",
            "message": {"text": remark.text},
            **({"locations": [{"physicalLocation": physical(_location(remark.place))}]} if remark.place else {}),
        }
        for remark in comparison.remarks
    ]
    return found + [{"level": "note", "message": {"text": note}} for note in notes(comparison)]


def _location(place: Place) -> Location:
    return Location(place.file, place.line, "code")


def _results(comparison: Comparison) -> list[dict[str, Any]]:
    seen: Counter[str] = Counter()
    results = []
    for drift in comparison.drifts:
        fingerprint = _fingerprint(drift)
        seen[fingerprint] += 1
        results.append(_result(drift, comparison.audit, f"{fingerprint}:{seen[fingerprint]}"))
    return results


def _result(drift: Drift, audit: Audit, fingerprint: str) -> dict[str, Any]:
    first, *others = locations(drift) or (Location(audit.target, 1, "document"),)  # GitHub refuses a result without one
    return {
        "ruleId": rule_id(drift.kind),
        "ruleIndex": list(DriftKind).index(drift.kind),
        "level": RULES[drift.kind].level,
        "message": {"text": "\n".join([drift.headline, *explanation(drift, audit)])},
        "locations": [{"physicalLocation": physical(first)}],
        "relatedLocations": [
            {"id": number, "physicalLocation": physical(other), "message": {"text": ROLES[other.of]}}
            for number, other in enumerate(others, start=1)
        ],
        "partialFingerprints": {"primaryLocationLineHash": fingerprint},
    }


def _fingerprint(drift: Drift) -> str:
    """The same drift after lines have moved. GitHub matches alerts by it."""
    what = drift.place.key if drift.place else drift.expected
    return sha256("\n".join((drift.kind, drift.loss, drift.module, what)).encode()).hexdigest()[:32]
