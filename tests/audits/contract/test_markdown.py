"""Which tables are found, and what stands in their cells."""

import pytest

from audits.contract.markdown import find_tables, left_open, split_cells

TABLE = "| a | b |\n| --- | :-: |\n| 1 | 2 |"


def texts(markdown: str) -> list[list[list[str]]]:
    return [[row.texts for row in table.rows] for table in find_tables(markdown.split("\n"))]


@pytest.mark.parametrize(
    "markdown",
    [
        TABLE,
        f"text\n{TABLE}\n\ntext",
        "a | b\n-|-\n1 | 2",
        "  | a | b |\n  |:--|--:|\n  | 1 | 2",
        TABLE.replace("\n", "\r\n"),
        f"\ufeff{TABLE}",
        f"```\ncode\n```\n{TABLE}\n~~~\nmore",
        f"`````\n```\n`````\n{TABLE}",
        f"``` `inline` ```\n{TABLE}",
        f"<!-- aside -->\n{TABLE}\n# Title",
        f"{TABLE}\n- item | of | a list",
    ],
)
def test_one_table_with_one_row(markdown: str) -> None:
    assert texts(markdown) == [[["1", "2"]]]


@pytest.mark.parametrize(
    "markdown",
    [
        "",
        "| a | b |",
        "| a | b |\n| 1 | 2 |",
        "| a | b |\n| --- |\n| 1 | 2 |",
        f"```\n{TABLE}\n```",
        f"~~~ md\n{TABLE}\n```\n~~~",
        f"```\n{TABLE}",
        f"<!--\n{TABLE}\n-->",
        "    " + TABLE.replace("\n", "\n    "),
        "> " + TABLE.replace("\n", "\n> "),
    ],
)
def test_no_table(markdown: str) -> None:
    assert texts(markdown) == []


def test_a_line_glued_to_a_table_is_a_row_as_on_github() -> None:
    assert texts(f"{TABLE}\nglued")[0][1] == ["glued"]


@pytest.mark.parametrize(
    ("line", "cells"),
    [
        ("| a | b |", ["a", "b"]),
        ("a|b", ["a", "b"]),
        (r"| a \| b | c |", ["a | b", "c"]),
        (r"| `x \| y` |", ["`x | y`"]),
        (r"| a \\| b |", [r"a \\", "b"]),
        ("| | b |", ["", "b"]),
        ("|", []),
        ("no pipe", ["no pipe"]),
        ("| a | b |\r", ["a", "b"]),
    ],
)
def test_cells(line: str, cells: list[str]) -> None:
    assert [cell.text for cell in split_cells(line)] == cells


def test_a_cell_knows_where_it_stands() -> None:
    line = r"  | one \| 1 | two |"
    assert [line[cell.start : cell.end] for cell in split_cells(line)] == [r" one \| 1 ", " two "]


def test_lines_are_counted_from_one() -> None:
    table = find_tables(f"\n\n{TABLE}".split("\n"))[0]
    assert (table.header.number, table.delimiter.number, table.rows[0].number) == (3, 4, 5)


@pytest.mark.parametrize(
    ("markdown", "is_open"), [("```\na", True), ("<!-- a", True), ("```\na\n```", False), ("", False)]
)
def test_left_open(markdown: str, is_open: bool) -> None:
    assert left_open(markdown.split("\n")) is is_open
