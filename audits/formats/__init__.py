"""Reports for machines: each format is a function from a comparison to text, loaded when it is first used."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from audits.contract import Comparison

    Format = Callable[[Comparison], str]


def _lazily(module: str) -> Format:
    """The function `render` of a module of this package, imported at the first call."""

    def render(comparison: Comparison) -> str:
        return import_module(f"audits.formats.{module}").render(comparison)

    return render


FORMATS: dict[str, Format] = {
    "json": _lazily("json_report"),
    "csv": _lazily("csv_table"),
    "markdown": _lazily("markdown_comment"),
    "junit": _lazily("junit_suites"),
    "sarif": _lazily("sarif_log"),
    "github": _lazily("github_annotations"),
}
