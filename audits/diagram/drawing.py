"""Pictures and heat maps as files, whatever the format."""

from __future__ import annotations

from audits.diagram import engine
from audits.diagram.dot import dot
from audits.diagram.matrix import Matrix
from audits.diagram.matrix_dot import matrix_dot
from audits.diagram.mermaid import mermaid
from audits.diagram.picture import Picture
from audits.diagram.svg import svg


def source(drawing: Picture | Matrix) -> str:
    """In the language of Graphviz."""
    return dot(drawing) if isinstance(drawing, Picture) else matrix_dot(drawing)


def written(drawing: Picture | Matrix, format: str) -> bytes:
    """The content of a file that shows a picture or a heat map.

    Args:
        drawing: What to draw, such as what `flow_picture` returns.
        format: ``"svg"``, ``"png"``, ``"pdf"``, ``"dot"`` or, for a picture, ``"mermaid"``.

    Raises:
        AuditError: Graphviz is missing or fails. DOT and Mermaid do not need it.

    Examples:
        >>> from audits.diagram import flow_picture, written
        >>> written(flow_picture(target), "dot").startswith(b"digraph")
        True
    """
    if format == "mermaid" and isinstance(drawing, Picture):
        return mermaid(drawing).encode()
    if format == "dot":
        return source(drawing).encode()
    return svg(source(drawing)).encode() if format == "svg" else engine.drawn(source(drawing), format)
