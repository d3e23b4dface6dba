"""The JUnit report: a suite for each setting, a case for each loss, and no drift that is not a failure."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest

from audits.contract import Comparison
from audits.drift import Drift, DriftKind
from audits.formats import FORMATS


def parsed(comparison: Comparison) -> Element:
    return ElementTree.fromstring(FORMATS["junit"](comparison).encode("utf-8"))


def failing(root: Element) -> set[tuple[str | None, str | None]]:
    """Settings and losses."""
    return {
        (suite.get("name"), case.get("name"))
        for suite in root
        for case in suite.iter("testcase")
        if case.find("failure") is not None
    }


def test_a_suite_a_setting_and_a_case_a_loss(compared: Callable) -> None:
    root = parsed(compared())
    assert [suite.get("name") for suite in root] == ["default", "closed=False"]
    for suite in root:
        cases = list(suite.iter("testcase"))
        assert [case.get("name") for case in cases] == ["fit", "align"]
        assert {case.get("classname") for case in cases} == {"toy"}
    assert (root.get("tests"), root.get("failures")) == ("4", "0")
    assert failing(root) == set()


def test_a_loss_fails_where_it_drifts(make_drift: Callable[..., Drift], compared: Callable) -> None:
    root = parsed(compared(make_drift(settings=("closed=False",)), make_drift(settings=("closed=False",), module="")))
    assert failing(root) == {("closed=False", "fit")}
    assert [suite.get("failures") for suite in root] == ["0", "1"]
    assert root.get("failures") == "1"
    case = root.findall(".//testcase[@name='fit']")[1]
    assert (case.get("file"), case.get("line")) == ("trainer/my states.py", "88")


def test_the_failure_tells_every_drift_of_the_loss(every_kind: Comparison) -> None:
    (failure,) = parsed(every_kind).findall("./testsuite[@name='default']/testcase[@name='fit']/failure")
    for kind in DriftKind:
        assert kind in (failure.get("type") or "").split(", ")
        assert f": {kind}" in (failure.get("message") or "")
    for part in ("trainer/my states.py:88", "docs/flow.md:12", "path: fit <- encoder", "Restore the stop.", "live"):
        assert part in (failure.text or "")


def test_the_row_is_where_to_look_if_the_code_is_not_known(make_drift: Callable, compared: Callable) -> None:
    (case,) = parsed(compared(make_drift(place=None))).findall("./testsuite[@name='default']/testcase[@name='fit']")
    assert (case.get("file"), case.get("line")) == ("docs/flow.md", "12")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"loss": "forgotten"}, ("default", "forgotten")),
        ({"settings": ("closed=Maybe",)}, ("closed=Maybe", "fit")),
        ({"settings": ()}, ("every setting", "fit")),
    ],
)
def test_a_drift_of_what_was_not_audited_fails_too(
    fields: dict, expected: tuple[str, str], make_drift: Callable, compared: Callable
) -> None:
    assert expected in failing(parsed(compared(make_drift(**fields))))


def test_what_xml_cannot_hold_is_left_out(make_drift: Callable, compared: Callable) -> None:
    nasty = "a\x00\x1b[31m\ud800\uffff <b> & \" ' ]]> \t\nẑ"
    comparison = compared(make_drift(reason=nasty, loss="f\x07it<&\"'\n"), notes=(nasty,))
    root = parsed(replace(comparison, audit=replace(comparison.audit, target="t\x01oy")))
    assert root.get("name") == "toy"
    assert ("default", "fit<&\"'\n") in failing(root)
    (failure,) = root.iter("failure")
    assert "a[31m <b> & \" ' ]]> \t\nẑ" in (failure.text or "")
    assert {"in float64", "a[31m <b> & \" ' ]]> \t\nẑ"} == {
        note.get("value") for note in root.findall("./testsuite[1]/properties/property[@name='note']")
    }


def test_the_declared_encoding_is_true(make_drift: Callable, compared: Callable, folder: Path) -> None:
    file = folder / "report.xml"
    file.write_text(FORMATS["junit"](compared(make_drift(reason="ẑ"))), encoding="utf-8")
    (failure,) = ElementTree.parse(file).iter("failure")
    assert "ẑ" in (failure.text or "")
