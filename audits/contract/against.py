"""An audit compared with a document, in one call."""

from __future__ import annotations

from pathlib import Path

from audits.contract.compare import Comparison, compare
from audits.contract.contract import read_contract
from audits.contract.lock import lock_path, read_lock
from audits.result import Audit


def against(audit: Audit, table: Path | str, *, shape_matters: bool = True, complete: bool = False) -> Comparison:
    """Compare an audit with a Markdown file, and with the lock file next to it if there is one.

    Only the losses and settings of which the document speaks are compared with it.

    Args:
        audit: What was measured.
        table: The Markdown file. Its lock file has the same name with the suffix ``.lock.json``.
        shape_matters: Whether the audit must have the shape that the lock file names. False leaves the routes out.
        complete: Whether what the document leaves out is a drift.

    Returns:
        The drifts, and notes on what was not compared.

    Raises:
        AuditError: A file cannot be read, names a loss, module or gate that the trainer does not have, or has no row
            for any audited loss.

    Examples:
        >>> from audits.contract import updated_texts
        >>> for file, text in updated_texts(found, Path("NEW.md")).items():
        ...     _ = file.write_text(text, newline="")
        >>> against(found, "NEW.md").passed
        True
    """
    path = Path(table)
    contract = read_contract(path, losses=audit.known, modules=audit.modules, gates=audit.gates, audited=audit.losses)
    return compare(audit, contract, read_lock(lock_path(path)), shape_matters=shape_matters, complete=complete)
