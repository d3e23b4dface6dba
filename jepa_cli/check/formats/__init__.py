"""A check as text for machines and for pull requests: each format is a function from reports to text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jepa_cli.check.report import Report

    Format = Callable[[Sequence[Report]], str]


def _lazily(module: str) -> Format:
    """The function `render` of a module of this package, imported at the first call."""

    def render(reports: Sequence[Report]) -> str:
        return import_module(f"jepa_cli.check.formats.{module}").render(reports)

    return render


FORMATS: dict[str, Format] = {
    "json": _lazily("json_report"),
    "markdown": _lazily("markdown_comment"),
    "github": _lazily("github_annotations"),
    "sarif": _lazily("sarif_log"),
}
