"""The document of a trainer that has none yet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from audits.contract.rewording import NONE
from audits.result import Audit

INTRODUCTION = """\
Which loss updates which module. The tables are compared with the gradients of the code: each loss is backpropagated
alone, and *Updates* names the modules that get gradient from it. `sg(...)` in *Target* is a stop-gradient that belongs
to this loss alone. *Notes* are free text. `--update` brings the tables up to date and leaves all else as it is."""

FLOW_SECTION = """\
## Which loss updates which module

At the default setting of all gates.

| Loss | Target (stop-grad?) | Updates | Notes |
| --- | --- | --- | --- |"""

EFFECTS_SECTION = """\
## What the gates change

A row holds wherever all its gates have these values, on top of the rows with fewer gates.

| Gate | Losses | Gains | Loses |
| --- | --- | --- | --- |"""


def new_document(audit: Audit) -> str:
    """Title, explanation and tables without rows."""
    parts = [f"# Gradient flow of {' '.join(audit.target.split())}", INTRODUCTION, FLOW_SECTION]
    if any(flow.setting.defaults for flow in audit.flows):
        parts.append(EFFECTS_SECTION)
    return "\n\n".join(parts) + "\n"


def with_flow_table(text: str) -> str:
    """A text that has no flow table, with an empty one at its end."""
    ending = "\r\n" if "\r\n" in text else "\n"
    return text.rstrip() + ending * 2 + FLOW_SECTION.replace("\n", ending) + ending


def effects_section(rows: Iterable[Mapping[str, str]]) -> list[str]:
    """The lines of a section with these rows."""
    columns = ("gate", "losses", "gains", "loses")
    lines = (" | ".join(row.get(column, NONE) for column in columns) for row in rows)
    return [*EFFECTS_SECTION.split("\n"), *(f"| {line} |" for line in lines)]
