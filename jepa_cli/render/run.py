"""Carries out `jepa render-flow`: measure, draw, write."""

from __future__ import annotations

import io
import sys
from pathlib import Path

from audits import AuditError
from audits.diagram import engine
from audits.diagram.composing import compose
from audits.diagram.contrast import contrast
from audits.diagram.documented import beside_document
from audits.diagram.drawing import written
from audits.diagram.matrix import Matrix, matrix
from audits.diagram.page import Sheet, page
from audits.diagram.picture import Picture
from audits.diagram.survey import Survey
from audits.files import write_file
from jepa_cli.render.choices import LOSS, MATRIX, SUFFIXES
from jepa_cli.render.measure import MeasuredFlow, measure, measure_script
from jepa_cli.render.request import DRAWN, NAME, RenderRequest, render_plan
from jepa_cli.targets.documents import say_which
from jepa_cli.targets.foreign_output import printed_to_stderr
from jepa_cli.terminal.safe_text import safe

TEXT_WIDTH = 100


def run_render(request: RenderRequest) -> None:
    """Measure, draw, write, and print in words what was drawn."""
    with printed_to_stderr():
        if request.subject.script:
            request.check()
            measured = measure_script(request.subject.script, request.against)
        else:
            plan = render_plan(request)
            measured = measure(plan)
            say_which(plan.document, request.against)
    if request.chosen_format in DRAWN and not engine.is_available():
        _write_undrawn(request, measured)
    elif request.chosen_format == "text":
        _write_text(request, measured)
    else:
        _write(request, _content(request, measured), measured)


def _content(request: RenderRequest, measured: MeasuredFlow) -> bytes:
    if request.chosen_format != "html":
        return written(_drawing(request, measured), request.chosen_format)
    if request.chosen_view == MATRIX or measured.other or measured.comparison:
        sheets = [Sheet(_drawing(request, measured), measured.first.flow.setting.values)]
    else:
        sheets = [Sheet(_picture(request, measured, survey), survey.flow.setting.values) for survey in measured.surveys]
    return page(sheets, measured.gates).encode()


def _drawing(request: RenderRequest, measured: MeasuredFlow) -> Picture | Matrix:
    first, legend = measured.first, measured.legend
    if request.chosen_view == MATRIX:
        return matrix(
            first,
            legend,
            title=measured.title,
            other=measured.other,
            comparison=measured.comparison,
            notes=measured.said,
        )
    if measured.other:
        return contrast(first, measured.other, legend, title=measured.title)
    picture = _picture(request, measured, first)
    if measured.comparison is None:
        return picture
    here = first.flow.setting.label
    return beside_document(picture, measured.comparison, setting=here, document=measured.document)


def _picture(request: RenderRequest, measured: MeasuredFlow, survey: Survey) -> Picture:
    return compose(survey, measured.legend, detail=request.chosen_view == LOSS)


def _write(request: RenderRequest, content: bytes, measured: MeasuredFlow) -> None:
    if request.file is None:
        sys.stdout.flush()
        sys.stdout.buffer.write(
            safe(content.decode()).encode() if request.chosen_format not in (*DRAWN, "html") else content
        )
        sys.stdout.buffer.flush()
        return
    write_file(request.file, content)
    print(safe("\n".join([f"{request.file}: {measured.extent}", *measured.said])))


def _write_text(request: RenderRequest, measured: MeasuredFlow) -> None:
    """Text: in colour on the terminal, without colour in a file."""
    from rich.console import Console

    from jepa_cli.render.view import show_matrix, show_picture

    drawing = _drawing(request, measured)
    text = io.StringIO()
    console = Console(file=text, width=TEXT_WIDTH, color_system=None) if request.file else Console()
    if isinstance(drawing, Matrix):
        show_matrix(drawing, console)
    else:
        show_picture(drawing, console)
    if request.file:
        _write(request, text.getvalue().encode(), measured)


def _write_undrawn(request: RenderRequest, measured: MeasuredFlow) -> None:
    """Without Graphviz: write what it would have drawn, for another machine or for a page that draws Mermaid.

    Raises AuditError if a drawn format was requested.
    """
    base = request.file or Path(NAME)
    drawing = _drawing(request, measured)
    formats = ["dot"] if isinstance(drawing, Matrix) else ["dot", "mermaid"]
    files = [base.with_suffix(SUFFIXES[format][0]) for format in formats]
    for format, file in zip(formats, files, strict=True):
        write_file(file, written(drawing, format))
    told = f"Graphviz is missing: wrote {' and '.join(map(str, files))} only; to draw it, {engine.INSTALL}"
    if request.asks_for_drawing:
        raise AuditError(told)
    print(safe(told))
