r"""Gradient flow of any PyTorch trainer: which loss updates which module.

The examples of the classes and functions use the names of the one below.

Examples:
    A trainer is described by a `Target`: its modules, its forward pass and, perhaps, its gates.

    >>> import torch
    >>> from torch.nn import Linear, ModuleDict
    >>> from torch.nn.functional import mse_loss
    >>> from audits import Target, audit
    >>> net = ModuleDict({"encoder": Linear(4, 3), "decoder": Linear(3, 4), "value": Linear(3, 1)})
    >>> def losses(batch, *, value_trains_encoder=False):
    ...     x, reward = batch
    ...     z = net["encoder"](x)
    ...     read = z if value_trains_encoder else z.detach()
    ...     return {"reconstruct": mse_loss(net["decoder"](z), x), "value": mse_loss(net["value"](read), reward)}
    >>> batch = torch.rand(8, 4), torch.rand(8, 1)
    >>> target = Target(net, losses, batches=[batch], gates={"value_trains_encoder": [False, True]})
    >>> print(audit(target).table())
                encoder decoder   value
    loss
    reconstruct    live    live  absent
    value        absent  absent    live

    `against` compares an audit with a Markdown table, and with the lock file next to it.

    >>> from pathlib import Path
    >>> from audits import against
    >>> rows = ["Loss | Updates", "--- | ---", "reconstruct | encoder", "value | value"]
    >>> _ = Path("FLOW.md").write_text("\n".join(f"| {row} |" for row in rows))
    >>> found = audit(target, settings="all")
    >>> comparison = against(found, "FLOW.md")
    >>> [(drift.loss, drift.module, drift.settings) for drift in comparison.drifts]
    [('reconstruct', 'decoder', ('default',))]
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
    from audits.target import Target
    from audits.telemetry.callbacks import GradientAudit
    from audits.telemetry.sample import Sample
    from audits.telemetry.watch import AuditWarning, Watching, watch
    from audits.unexpected_paths import with_routes

__all__ = [
    "Audit",
    "AuditError",
    "AuditWarning",
    "Cell",
    "Comparison",
    "Drift",
    "DriftKind",
    "Flow",
    "GradientAudit",
    "Legend",
    "Place",
    "Sample",
    "Setting",
    "Status",
    "Stop",
    "StopKind",
    "Target",
    "Watching",
    "against",
    "audit",
    "watch",
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
    "unexpected_paths": ("with_routes",),
    "target": ("Target",),
    "telemetry.callbacks": ("GradientAudit",),
    "telemetry.sample": ("Sample",),
    "telemetry.watch": ("AuditWarning", "Watching", "watch"),
}
"""Where a name is defined. It is imported when it is first used, since most of these modules import torch."""


def __getattr__(name: str) -> Any:
    module = next((module for module, names in HOME.items() if name in names), None)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{module}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
