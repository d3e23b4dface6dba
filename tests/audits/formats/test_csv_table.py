"""The CSV report, read back by other readers."""

import csv
from collections.abc import Callable
from io import StringIO

import pandas

from audits.contract import Comparison
from audits.formats import FORMATS

HEADER = "gates,loss,module,status,paths,norm,share,reached,parameters,nonfinite,stops,reason"


def test_a_row_a_cell(every_kind: Comparison) -> None:
    text = FORMATS["csv"](every_kind)
    rows = list(csv.DictReader(StringIO(text)))
    measured = list(every_kind.audit.cells())
    assert text.splitlines()[0] == HEADER
    assert len(rows) == len(measured) == 8
    for row, (setting, cell) in zip(rows, measured, strict=True):
        assert (row["gates"], row["loss"], row["module"]) == (setting.label, cell.loss, cell.module)
        assert (row["status"], row["reason"]) == (cell.status, cell.reason)
        assert row["stops"] == "; ".join(map(str, cell.stops))
        assert (int(row["paths"], 0) if row["paths"] else None) == cell.paths


def test_the_stops_name_file_line_and_gate(compared: Callable) -> None:
    text = FORMATS["csv"](compared())
    assert "trainer/my states.py:88 (gate closed); trainer/my states.py:9 (q)" in text


def test_pandas_reads_what_was_measured(compared: Callable) -> None:
    table = pandas.read_csv(StringIO(FORMATS["csv"](compared())))
    assert table["norm"].isna().tolist()[:4] == [False, True, False, True]
    assert table["norm"][[0, 2]].tolist() == [0.25, float("inf")]
    counts = table[["share", "reached", "parameters", "nonfinite"]]
    assert counts.drop_duplicates().to_numpy().tolist() == [[0.125, 1, 4, 7]]
