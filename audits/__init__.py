"""Gradient flow of any PyTorch trainer: which loss updates which module.

from audits import Target, audit

target = Target(model, losses=lambda batch: my_losses(model, batch), batches=[batch])
print(audit(target).table())
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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

HOME = {
    "auditing": ("audit",),
    "contract.against": ("against",),
    "contract.compare": ("Comparison",),
    "drift": ("Drift", "DriftKind"),
    "errors": ("AuditError",),
    "legend": ("Legend",),
    "places": ("Place", "Stop", "StopKind"),
    "result": ("Audit", "Cell", "Flow", "Setting", "Status"),
    "routes": ("with_routes",),
    "target": ("Target",),
}
"""Where a name is defined. It is imported when it is first asked for: most of these modules bring torch along."""


def __getattr__(name: str) -> Any:
    module = next((module for module, names in HOME.items() if name in names), None)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{module}"), name)
