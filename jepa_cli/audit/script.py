"""The audit of a training script that is run as it is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from audits import Audit
from audits.script.process import audited, is_reporting
from audits.script.proof import proved
from jepa_cli.targets.script import narrowed

if TYPE_CHECKING:
    from jepa_cli.audit.request import Request


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
    return narrowed(found, options.chosen)
