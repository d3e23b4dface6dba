"""GitHub workflow commands: an annotation for each cause, at the line of the `detach` or of the table row.

GitHub shows ten errors of a step, and one deleted stop may make a hundred drifts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from audits.contract.root_causes import RootCause, root_causes
from audits.formats.locations import locations
from audits.formats.wording import explanation, extent, verdict
from audits.formats.workflow_command import annotation

if TYPE_CHECKING:
    from audits.contract import Comparison
    from audits.remark import Remark
    from audits.result import Audit


def render(comparison: Comparison) -> str:
    """An error a cause, a warning a remark; one notice when all passed."""
    audit = comparison.audit
    lines = [_error(root_cause, audit) for root_cause in root_causes(comparison.drifts)]
    title = f"Gradient flow of {audit.target}"
    lines += [_remark(remark, comparison, title) for remark in comparison.remarks]
    if comparison.passed:
        lines.append(annotation("notice", f"{verdict(comparison)}: {extent(audit)}", title=title))
    return "".join(f"{line}\n" for line in lines)


def _remark(remark: Remark, comparison: Comparison, title: str) -> str:
    where = {"file": remark.place.file, "line": str(remark.place.line)} if remark.place else {}
    return annotation("error" if remark in comparison.failures else "warning", remark.text, **where, title=title)


def _error(root_cause: RootCause, audit: Audit) -> str:
    drift = root_cause.drift
    where = locations(drift)
    properties = {"file": where[0].file, "line": str(where[0].line)} if where else {}
    properties["title"] = root_cause.headline
    losses = [f"losses: {', '.join(root_cause.losses)}"] if len(root_cause.losses) > 1 else []
    further = [f"{location.of}: {location}" for location in where[1:]]
    text = "\n".join([*losses, *root_cause.effects(), *explanation(drift, audit), *further])
    return annotation("error", text, **properties)
