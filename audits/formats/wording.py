"""Phrases that the reports and the terminal view share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from audits.drift import Drift
from audits.result import Audit, Flow, Setting

if TYPE_CHECKING:
    from audits.contract import Comparison

TOO_LONG_FOR_PYTHON = 10**4000
"""Python refuses to write integers of more than 4300 digits in decimal."""


def counted(number: int, noun: str) -> str:
    """``1 loss``, ``30 losses``"""
    plural = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"


def extent(audit: Audit) -> str:
    """``30 losses x 13 modules at 8 gate settings``"""
    size = f"{counted(len(audit.losses), 'loss')} x {counted(len(audit.modules), 'module')}"
    if len(audit.flows) > 1:
        return f"{size} at {len(audit.flows)} gate settings"
    return "".join([size, *(f" at {flow.setting.label}" for flow in audit.flows if flow.setting.values)])


def verdict(comparison: Comparison) -> str:
    """``as documented``, perhaps in part, or the number of drifts, or that there was nothing to compare with."""
    counts = [counted(len(comparison.drifts), "drift")] if comparison.drifts else []
    if comparison.failures:
        counts.append(counted(len(comparison.failures), "remark"))
    if counts:
        return " and ".join(counts)
    if not comparison.documented:
        return "not compared with a document"
    return "as documented" if comparison.complete else "as documented, as far as the document speaks"


def notes(comparison: Comparison) -> list[str]:
    """What a reader should know, once each: how it was measured, then how it was compared."""
    return list(dict.fromkeys((*comparison.audit.notes, *comparison.notes)))


def explanation(drift: Drift, audit: Audit) -> list[str]:
    """A drift without its headline, a sentence a line."""
    lines = [
        f"expected {drift.expected}, found {drift.found}",
        drift.reason,
        drift.remedy,
        at_settings(drift.settings, audit),
    ]
    return [line for line in lines if line]


def at_settings(labels: Sequence[str], audit: Audit) -> str:
    """``at all 8 settings``, ``at the 4 settings with detach_decoder=True``, or each setting by name.

    Empty for a trainer without gates.
    """
    every = [flow.setting for flow in audit.flows]
    these = [setting for setting in every if setting.label in labels]
    if not any(setting.values for setting in every) and len(these) == len(labels):
        return ""
    if len(these) > 1 and len(these) == len(set(labels)):
        shared = _shared(these, every)
        if these == [setting for setting in every if _holds(shared, setting)]:
            values = ", ".join(f"{name}={value}" for name, value in shared.items())
            return f"at the {len(these)} settings with {values}" if shared else f"at all {len(these)} settings"
    return f"at {'; '.join(labels)}" if labels else ""


def _shared(these: Sequence[Setting], every: Sequence[Setting]) -> dict[str, Any]:
    """The values of gates that are the same in all of these settings, but not in every setting."""
    alike = {name: value for name, value in these[0].values.items() if all(_holds({name: value}, s) for s in these)}
    return {name: value for name, value in alike.items() if not all(_holds({name: value}, s) for s in every)}


def _holds(values: Mapping[str, Any], setting: Setting) -> bool:
    return all(name in setting.values and setting.values[name] == value for name, value in values.items())


def differing(flow: Flow, reference: Flow) -> list[tuple[str, str]]:
    """The losses and modules whose status is another one than at the reference."""
    return [key for key, cell in flow.cells.items() if cell.status != reference.cells[key].status]


def difference(flow: Flow, reference: Flow) -> str:
    """``detach_decoder=True: 14 cells differ from default``"""
    number = len(differing(flow, reference))
    verb = "differs" if number == 1 else "differ"
    return f"{flow.setting.label}: {counted(number, 'cell')} {verb} from {reference.setting.label}"


def drifts_by_setting(comparison: Comparison) -> dict[str, list[Drift]]:
    """Every audited setting with its drifts. A drift that names none of them has a setting of its own: none is lost."""
    found: dict[str, list[Drift]] = {flow.setting.label: [] for flow in comparison.audit.flows}
    for drift in comparison.drifts:
        for label in drift.settings or ("every setting",):
            found.setdefault(label, []).append(drift)
    return found


def exact(count: int | None, *, limit: int) -> int | str | None:
    """A count for a machine: a number up to `limit`; above it text that ``int(text, 0)`` reads."""
    if count is None or count <= limit:
        return count
    return str(count) if count < TOO_LONG_FOR_PYTHON else hex(count)
