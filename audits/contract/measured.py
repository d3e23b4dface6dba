"""What an audit measured, as the document says it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from audits.result import Audit, Flow

NONE = "—"


def default_flow(audit: Audit) -> Flow | None:
    """The flow at the default setting, if that was audited."""
    return next((flow for flow in audit.flows if not flow.setting.changed), None)


def by_changes(audit: Audit) -> list[Flow]:
    """The flows, those at settings with few changed gates first."""
    return sorted(audit.flows, key=lambda flow: len(flow.setting.changed))


def measured(audit: Audit, flow: Flow, loss: str, documented: frozenset[str]) -> frozenset[str]:
    """The modules that a loss updates. Where the audit could not decide, what is documented stays."""
    cells = [flow.cells[loss, module] for module in audit.modules]
    return frozenset(
        cell.module for cell in cells if (cell.status.updates if cell.status.decided else cell.module in documented)
    )


def modules_text(audit: Audit, modules: Collection[str]) -> str:
    """For a cell: ``predictor, h_to_z`` in the audit's order."""
    return ", ".join(module for module in audit.modules if module in modules) or NONE


def losses_text(losses: Sequence[str], *, like: str = "`") -> str:
    """For a cell, in backticks if `like` has some."""
    quote = "`" if "`" in like else ""
    return ", ".join(f"{quote}{loss}{quote}" for loss in losses)
