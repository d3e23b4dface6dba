"""An audit beside a document, in one call."""

from __future__ import annotations

from pathlib import Path

from audits.contract.compare import Comparison, compare
from audits.contract.contract import read_contract
from audits.contract.lock import lock_path, read_lock
from audits.result import Audit


def against(audit: Audit, table: Path | str, *, shape_matters: bool = True) -> Comparison:
    """What was measured, compared with a Markdown file and the lock file beside it, if there is one.

    Raises AuditError when either cannot be read, names what the trainer does not have, or lacks an audited loss.
    """
    path = Path(table)
    contract = read_contract(path, losses=audit.known, modules=audit.modules, gates=audit.gates, audited=audit.losses)
    return compare(audit, contract, read_lock(lock_path(path)), shape_matters=shape_matters)
