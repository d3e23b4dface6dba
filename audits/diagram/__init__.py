"""Gradient flow as a picture, drawn from what was measured."""

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
    """The picture of a trainer: which loss updates which module, and where gradient ends.

    Audits the target, and runs its forward pass a few times more.

    Args:
        target: The trainer.
        gates: Values of some gates. The others keep their default.
        losses: Names of the losses to draw. None draws all; a single one is drawn in detail.

    Returns:
        A picture that `written` turns into a file.

    Raises:
        AuditError: The target cannot be audited.

    Examples:
        >>> from audits.diagram import flow_picture, written
        >>> picture = flow_picture(target, losses=["value"])
        >>> written(picture, "mermaid").decode().splitlines()[0]
        'flowchart LR'
    """
    found = audit(target, settings=[gates or {}], losses=losses)
    return compose(surveys(target, found)[0], target.legend, detail=len(found.losses) == 1)
