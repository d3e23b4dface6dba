"""CSV: one row a cell."""

from __future__ import annotations

import csv
from io import StringIO
from typing import TYPE_CHECKING

from audits.formats.wording import exact

if TYPE_CHECKING:
    from audits.contract import Comparison
    from audits.result import Cell

MEASURED = ["status", "paths", "norm", "share", "reached", "parameters", "nonfinite", "stops", "reason"]
COLUMNS = ["gates", "loss", "module", *MEASURED]
EXACT_EVERYWHERE = 2**63 - 1


def render(comparison: Comparison) -> str:
    """A header and every cell. What was not measured is empty; NaN and infinity are ``nan`` and ``inf``."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(_row(setting.label, cell) for setting, cell in comparison.audit.cells())
    return text.getvalue()


def _row(gates: str, cell: Cell) -> list[object]:
    return [
        gates,
        cell.loss,
        cell.module,
        str(cell.status),
        exact(cell.paths, limit=EXACT_EVERYWHERE),
        cell.norm,
        cell.share,
        cell.reached,
        cell.parameters,
        cell.nonfinite,
        "; ".join(map(str, cell.stops)),
        cell.reason,
    ]
