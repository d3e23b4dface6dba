"""A check as text for machines and for pull requests: each format is a function from reports to text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from audits.formats.lazy import lazily

if TYPE_CHECKING:
    from jepa_cli.check.report import Report

    Format = Callable[[Sequence[Report]], str]


FORMATS: dict[str, Format] = {
    "json": lazily("jepa_cli.check.formats.json_report"),
    "markdown": lazily("jepa_cli.check.formats.markdown_comment"),
    "github": lazily("jepa_cli.check.formats.github_annotations"),
    "sarif": lazily("jepa_cli.check.formats.sarif_log"),
}
