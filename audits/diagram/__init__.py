"""Gradient flow as a picture, drawn from what was measured.

from audits.diagram import flow_picture, written

Path("flow.svg").write_bytes(written(flow_picture(my_target), "svg"))
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from audits.auditing import audit
from audits.diagram.composing import compose
from audits.diagram.drawing import written
from audits.diagram.picture import Picture
from audits.diagram.survey import surveys
from audits.target import Target

__all__ = ["Picture", "flow_picture", "written"]


def flow_picture(
    target: Target, *, gates: Mapping[str, Any] | None = None, losses: Collection[str] | None = None
) -> Picture:
    """Which loss updates which module at some values of the gates, and where its gradient ends.

    By default all losses, at the default values. Audits the target, and runs its forward pass a few times more. Raises
    AuditError when the target cannot be audited.
    """
    found = audit(target, settings=[gates or {}], losses=losses)
    return compose(surveys(target, found)[0], target.legend, detail=len(found.losses) == 1)
