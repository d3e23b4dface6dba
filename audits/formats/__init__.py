"""Reports for machines: each format is a function from a comparison to text, loaded when it is first used."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from audits.formats.lazy import lazily

if TYPE_CHECKING:
    from audits.contract import Comparison

    Format = Callable[[Comparison], str]


FORMATS: dict[str, Format] = {
    "json": lazily("audits.formats.json_report"),
    "csv": lazily("audits.formats.csv_table"),
    "markdown": lazily("audits.formats.markdown_comment"),
    "junit": lazily("audits.formats.junit_suites"),
    "sarif": lazily("audits.formats.sarif_log"),
    "github": lazily("audits.formats.github_annotations"),
}
