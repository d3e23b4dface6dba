"""GitHub workflow commands: an annotation for each cause, at the line of the `detach` or of the table row.

GitHub shows ten errors of a step, and one deleted stop may make a hundred drifts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from audits.contract.stories import Story, stories
from audits.formats.locations import locations
from audits.formats.wording import explanation, extent, verdict
from audits.formats.workflow_command import annotation

if TYPE_CHECKING:
    from audits.contract import Comparison
    from audits.result import Audit


def render(comparison: Comparison) -> str:
    """An error a cause; one notice when there is none."""
    audit = comparison.audit
    lines = [_error(story, audit) for story in stories(comparison.drifts)]
    if comparison.passed:
        title = f"Gradient flow of {audit.target}"
        lines.append(annotation("notice", f"{verdict(comparison)}: {extent(audit)}", title=title))
    return "".join(f"{line}\n" for line in lines)


def _error(story: Story, audit: Audit) -> str:
    drift = story.drift
    where = locations(drift)
    properties = {"file": where[0].file, "line": str(where[0].line)} if where else {}
    properties["title"] = story.headline
    losses = [f"losses: {', '.join(story.losses)}"] if len(story.losses) > 1 else []
    further = [f"{location.of}: {location}" for location in where[1:]]
    text = "\n".join([*losses, *story.effects(), *explanation(drift, audit), *further])
    return annotation("error", text, **properties)
