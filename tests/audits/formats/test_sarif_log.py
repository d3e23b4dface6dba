"""The SARIF report: what GitHub code scanning needs, and fingerprints that survive moved lines."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from audits.contract import Comparison
from audits.drift import Drift, DriftKind, Row
from audits.formats import FORMATS
from audits.places import Place

LEVELS = {
    DriftKind.UNDECIDED: "error",
    DriftKind.MISSING: "error",
    DriftKind.UNEXPECTED: "error",
    DriftKind.STOP_GONE: "error",
    DriftKind.STOP_NEW: "warning",
    DriftKind.ROUTE: "warning",
    DriftKind.DERIVATIVE: "error",
    DriftKind.STOP_GRAD: "warning",
    DriftKind.WEIGHT: "error",
    DriftKind.GATE_DEFAULT: "error",
    DriftKind.MOVES: "error",
    DriftKind.UNDOCUMENTED: "error",
}


def run_of(comparison: Comparison) -> dict[str, Any]:
    log = json.loads(FORMATS["sarif"](comparison))
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    return run


def fingerprint(drift: Drift, compared: Callable) -> str:
    (result,) = run_of(compared(drift))["results"]
    return result["partialFingerprints"]["primaryLocationLineHash"]


def test_each_rule_tells_what_code_scanning_shows(compared: Callable) -> None:
    rules = run_of(compared())["tool"]["driver"]["rules"]
    assert len({rule["id"] for rule in rules}) == len(rules) == len(DriftKind)
    for rule in rules:
        assert rule["shortDescription"]["text"]
        assert rule["fullDescription"]["text"]
        assert rule["help"]["text"]
        assert len(rule["shortDescription"]["text"]) <= 1024
        assert rule["properties"]["problem.severity"] == rule["defaultConfiguration"]["level"]


def test_each_drift_is_a_result_with_rule_level_and_place(every_kind: Comparison) -> None:
    run = run_of(every_kind)
    assert len(run["results"]) == len(DriftKind)
    for result, kind in zip(run["results"], DriftKind, strict=True):
        rule = run["tool"]["driver"]["rules"][result["ruleIndex"]]
        assert rule["id"] == result["ruleId"] == f"gradient-flow-{kind.replace(' ', '-')}"
        assert result["level"] == rule["defaultConfiguration"]["level"] == LEVELS[kind]
        assert "Restore the stop." in result["message"]["text"]
        (where,) = result["locations"]
        assert where["physicalLocation"]["artifactLocation"]["uri"] == "trainer/my%20states.py"
        assert where["physicalLocation"]["region"] == {"startLine": 88}
        (other,) = result["relatedLocations"]
        assert other["physicalLocation"]["artifactLocation"]["uri"] == "docs/flow.md"
        assert other["message"]["text"]


@pytest.mark.parametrize(
    ("fields", "uri", "line"),
    [
        ({"place": None}, "docs/flow.md", 12),
        ({"place": None, "row": None}, "toy", 1),
        ({"place": None, "row": Row("docs/flow.md", 0)}, "docs/flow.md", 1),
        ({"place": None, "row": Row("./docs/../docs/a#b.md", 3)}, "docs/a%23b.md", 3),
        ({"place": Place("/elsewhere/a b.py", 5, "m", "f")}, "file:///elsewhere/a%20b.py", 5),
    ],
)
def test_every_result_has_a_place(fields: dict, uri: str, line: int, make_drift: Callable, compared: Callable) -> None:
    (result,) = run_of(compared(make_drift(**fields)))["results"]
    where = result["locations"][0]["physicalLocation"]
    assert (where["artifactLocation"]["uri"], where["region"]["startLine"]) == (uri, line)


def test_a_document_given_by_its_whole_path_is_relative(make_drift: Callable, compared: Callable, folder: Any) -> None:
    (result,) = run_of(compared(make_drift(place=None, row=Row(str(folder / "docs" / "flow.md"), 3))))["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "docs/flow.md"


def test_a_moved_line_keeps_the_fingerprint(make_drift: Callable, make_place: Callable, compared: Callable) -> None:
    before = make_drift()
    after = replace(before, place=make_place(line=99), row=Row("docs/flow.md", 30), reason="now by another path")
    assert fingerprint(before, compared) == fingerprint(after, compared)


@pytest.mark.parametrize("field", ["loss", "module", "expected", "kind", "text"])
def test_another_drift_has_another_fingerprint(
    field: str, make_drift: Callable, make_place: Callable, compared: Callable
) -> None:
    without_place = make_drift(place=None)
    other = {
        "loss": replace(without_place, loss="align"),
        "module": replace(without_place, module="head|tail"),
        "expected": replace(without_place, expected="something else"),
        "kind": replace(without_place, kind=DriftKind.MISSING),
        "text": replace(without_place, place=make_place(text="other.detach()")),
    }[field]
    assert fingerprint(without_place, compared) != fingerprint(other, compared)


def test_fingerprints_of_one_log_differ(make_drift: Callable, compared: Callable) -> None:
    results = run_of(compared(make_drift(), make_drift(settings=("closed=False",), found="idle")))["results"]
    assert len({result["partialFingerprints"]["primaryLocationLineHash"] for result in results}) == 2


def test_notes_are_told(every_kind: Comparison) -> None:
    (invocation,) = run_of(every_kind)["invocations"]
    notes = [note["message"]["text"] for note in invocation["toolExecutionNotifications"]]
    assert notes == ["in float64", "no lock file"]


def test_the_category_is_the_target(compared: Callable) -> None:
    assert run_of(compared())["automationDetails"]["id"] == "gradient-flow/toy/"
    assert run_of(compared())["results"] == []
