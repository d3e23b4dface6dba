"""Gradient flow of any PyTorch trainer: which loss updates which module.

from audits import Target, audit

target = Target(model, losses=lambda batch: my_losses(model, batch), batches=[batch])
print(audit(target).table())
"""

from audits.auditing import audit
from audits.contract.against import against
from audits.contract.compare import Comparison
from audits.drift import Drift, DriftKind
from audits.errors import AuditError
from audits.legend import Legend
from audits.places import Place, Stop, StopKind
from audits.result import Audit, Cell, Flow, Setting, Status
from audits.routes import with_routes
from audits.target import Target

__all__ = [
    "Audit",
    "AuditError",
    "Cell",
    "Comparison",
    "Drift",
    "DriftKind",
    "Flow",
    "Legend",
    "Place",
    "Setting",
    "Status",
    "Stop",
    "StopKind",
    "Target",
    "against",
    "audit",
    "with_routes",
]
