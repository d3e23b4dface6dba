"""What an audit measured, as the document says it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from audits.contract.prose import losses_of, modules_of
from audits.contract.rewording import reworded
from audits.result import Audit, Flow


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


def modules_text(audit: Audit, modules: Collection[str], like: str = "") -> str:
    """For a cell that was `like` this: ``predictor, h_to_z``; new ones in the audit's order."""
    return reworded(like, [module for module in audit.modules if module in modules], modules_of(audit.modules))


def losses_text(audit: Audit, losses: Sequence[str], like: str | None = None) -> str:
    """For a cell that was `like` this, or for a new one, in code spans."""
    known = dict.fromkeys((*audit.known, *audit.losses, *losses))
    return reworded(like or "", losses, losses_of(tuple(known)), code=like is None or "`" in like)
