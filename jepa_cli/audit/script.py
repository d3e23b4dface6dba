"""The audit of a training script that is run as it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from audits import Audit, AuditError
from audits.errors import nearest
from audits.script.process import audited, is_reporting
from audits.script.proof import proved

if TYPE_CHECKING:
    from jepa_cli.audit.request import Request

ALL = "all"


def found_in_script(request: Request) -> Audit | None:
    """Run the script in its own process; None where another process of several reports.

    Raises AuditError for a script that gives no audit, and for a loss that it does not have.
    """
    options = request.subject.script
    assert options is not None
    script = options.request()
    found = audited(script)
    if options.proof:
        found = proved(found, lambda variation: audited(replace(script, variation=variation), quiet=True))
    if not is_reporting():
        return None
    chosen = [name for name in options.chosen if name != ALL]
    return _narrowed(found, chosen) if chosen else found


def _narrowed(audit: Audit, names: Sequence[str]) -> Audit:
    """Some of the losses."""
    if unknown := [name for name in names if name not in audit.losses]:
        raise AuditError("; ".join(f"there is no loss {name!r}: {nearest(name, audit.losses)}" for name in unknown))
    kept = tuple(name for name in audit.losses if name in names)
    flows = tuple(
        replace(flow, cells={pair: cell for pair, cell in flow.cells.items() if pair[0] in kept})
        for flow in audit.flows
    )
    return replace(audit, losses=kept, flows=flows)
