"""The contract of a trainer: a document that people read and that is checked, and a lock file next to it."""

from audits.contract.against import against
from audits.contract.compare import Comparison, compare
from audits.contract.contract import Contract, read_contract
from audits.contract.lock import Lock, lock_path, read_lock
from audits.contract.update import diff, stays_complete, updated_texts

__all__ = [
    "Comparison",
    "Contract",
    "Lock",
    "against",
    "compare",
    "diff",
    "lock_path",
    "read_contract",
    "read_lock",
    "stays_complete",
    "updated_texts",
]
