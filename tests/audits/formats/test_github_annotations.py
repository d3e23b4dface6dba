"""Workflow commands, read back as the runner of GitHub Actions reads them."""

import re
from collections.abc import Callable

import pytest

from audits.contract import Comparison
from audits.drift import DriftKind
from audits.formats import FORMATS
from audits.places import Place

COMMAND = re.compile(r"::(?P<name>\w+) (?P<properties>[^:]*)::(?P<message>.*)")


def read(line: str) -> tuple[str, dict[str, str], str]:
    """Name, properties, message."""
    match = COMMAND.fullmatch(line)
    assert match, f"no workflow command: {line!r}"
    pairs = [pair.partition("=") for pair in match["properties"].split(",")]
    properties = {key: unescaped(value, {"%2C": ",", "%3A": ":"}) for key, _, value in pairs}
    return match["name"], properties, unescaped(match["message"], {})


def unescaped(text: str, further: dict[str, str]) -> str:
    for code, character in {"%0A": "\n", "%0D": "\r", **further, "%25": "%"}.items():
        text = text.replace(code, character)
    return text


def commands(comparison: Comparison) -> list[tuple[str, dict[str, str], str]]:
    return [read(line) for line in FORMATS["github"](comparison).splitlines()]


def test_an_error_for_each_drift_at_its_line(every_kind: Comparison) -> None:
    found = commands(every_kind)
    assert [name for name, _, _ in found] == ["error"] * len(DriftKind)
    for (_, properties, message), drift in zip(found, every_kind.drifts, strict=True):
        assert (properties["file"], properties["line"]) == ("trainer/my states.py", "88")
        assert properties["title"].endswith(drift.kind)
        for part in (drift.expected, drift.found, drift.reason, drift.remedy, "docs/flow.md:12", "at all 2 settings"):
            assert part in message


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"place": None}, {"file": "docs/flow.md", "line": "12"}),
        ({"place": None, "row": None}, {}),
    ],
)
def test_the_row_is_where_to_look_if_the_code_is_not_known(
    fields: dict, expected: dict[str, str], make_drift: Callable, compared: Callable
) -> None:
    ((_, properties, _),) = commands(compared(make_drift(**fields)))
    assert properties == {**expected, "title": "fit: encoder: unexpected"}


def test_nothing_breaks_out_of_a_command(make_drift: Callable, compared: Callable) -> None:
    nasty = "50%, a::b\r\n::error::c %0A %25"
    place = Place("odd,na:me%.py", 3, "m", "f")
    ((_, properties, message),) = commands(compared(make_drift(reason=nasty, loss=nasty, place=place)))
    assert nasty in message
    assert properties["title"] == f"{nasty}: encoder: unexpected"
    assert properties["file"] == "odd,na:me%.py"


def test_a_pass_is_one_notice(compared: Callable) -> None:
    ((name, _, message),) = commands(compared())
    assert (name, message) == ("notice", "as documented: 2 losses x 2 modules at 2 gate settings")
