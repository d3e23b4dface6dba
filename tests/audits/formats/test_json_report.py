"""The JSON report: valid by its published schema, and true to what was measured."""

import json
import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from audits.contract import Comparison
from audits.drift import Drift, DriftKind
from audits.formats import FORMATS
from audits.formats.json_report import SCHEMA, VERSION
from audits.places import StopKind
from audits.result import Audit, Setting, Status

PUBLISHED = json.loads((Path(__file__).parents[3] / "docs" / "audit.schema.json").read_text(encoding="utf-8"))
TYPES = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
    "null": type(None),
}
ANNOTATIONS = {"$schema", "$id", "$defs", "title", "description"}
CHECKED = {"type", "const", "enum", "anyOf", "$ref", "properties", "required", "additionalProperties", "items"}
LIMITS = {"minimum", "maximum", "minItems", "maxItems", "pattern"}


def mistakes(value: Any, schema: dict[str, Any], at: str = "$") -> Iterator[str]:
    """Where a value breaks a schema, by the keywords of JSON Schema that ours uses."""
    assert schema.keys() <= ANNOTATIONS | CHECKED | LIMITS, f"{at}: a keyword that is not checked"
    if "$ref" in schema:
        yield from mistakes(value, PUBLISHED["$defs"][schema["$ref"].removeprefix("#/$defs/")], at)
    if "const" in schema and value != schema["const"]:
        yield f"{at}: {value!r}"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{at}: {value!r}"
    if "anyOf" in schema and all(any(mistakes(value, option, at)) for option in schema["anyOf"]):
        yield f"{at}: none of the options"
    if "type" in schema and not any(is_a(value, name) for name in list_of(schema["type"])):
        yield f"{at}: {type(value).__name__}"
    elif not within_limits(value, schema):
        yield f"{at}: out of limits"
    elif isinstance(value, dict):
        yield from mistakes_of_members(value, schema, at)
    elif isinstance(value, list) and "items" in schema:
        for number, item in enumerate(value):
            yield from mistakes(item, schema["items"], f"{at}[{number}]")


def mistakes_of_members(value: dict[str, Any], schema: dict[str, Any], at: str) -> Iterator[str]:
    yield from (f"{at}: no {name}" for name in schema.get("required", ()) if name not in value)
    others = schema.get("additionalProperties", True)
    for name, member in value.items():
        of = schema.get("properties", {}).get(name, others)
        if of is False:
            yield f"{at}: {name} is not known"
        elif of is not True:
            yield from mistakes(member, of, f"{at}.{name}")


def within_limits(value: Any, schema: dict[str, Any]) -> bool:
    if isinstance(value, list):
        return schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value))
    if isinstance(value, str):
        return re.search(schema.get("pattern", ""), value) is not None
    return value is None or isinstance(value, bool | dict) or in_range(value, schema)


def in_range(value: float, schema: dict[str, Any]) -> bool:
    return schema.get("minimum", value) <= value <= schema.get("maximum", value)


def is_a(value: Any, name: str) -> bool:
    return isinstance(value, TYPES[name]) and (isinstance(value, bool) == (name == "boolean"))


def list_of(types: str | list[str]) -> list[str]:
    return [types] if isinstance(types, str) else types


@pytest.fixture
def report(every_kind: Comparison) -> dict[str, Any]:
    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is not JSON")

    return json.loads(FORMATS["json"](every_kind), parse_constant=refuse)


def test_the_report_is_valid(report: dict[str, Any]) -> None:
    assert list(mistakes(report, PUBLISHED)) == []


def test_a_clean_report_is_valid(compared: Callable) -> None:
    report = json.loads(FORMATS["json"](compared()))
    assert list(mistakes(report, PUBLISHED)) == []
    assert report["passed"] is True
    assert report["drifts"] == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["version"], 2),
        (["passed"], "yes"),
        (["shape"], {"T": 1.5}),
        (["cells", 0, "status"], "alive"),
        (["cells", 0, "paths"], 2**53 + 1),
        (["cells", 0, "paths"], "many"),
        (["cells", 0, "paths"], -1),
        (["cells", 0, "reached"], True),
        (["cells", 0, "colour"], "red"),
        (["cosines", 0, "losses"], ["fit"]),
        (["drifts", 0, "code"], {"file": "a.py"}),
        (["stops", 0, "stops", 0, "kind"], "wish"),
    ],
)
def test_the_check_finds_a_mistake(path: list[Any], value: Any, report: dict[str, Any]) -> None:
    broken = deepcopy(report)
    *way, last = path
    inner = broken
    for step in way:
        inner = inner[step]
    inner[last] = value
    assert list(mistakes(broken, PUBLISHED)) != []


@pytest.mark.parametrize("member", ["schema", "cells", "drifts"])
def test_the_check_finds_what_is_missing(member: str, report: dict[str, Any]) -> None:
    del report[member]
    assert list(mistakes(report, PUBLISHED)) == [f"$: no {member}"]


def test_the_schema_names_what_the_code_has() -> None:
    definitions = PUBLISHED["$defs"]
    assert PUBLISHED["$id"] == PUBLISHED["properties"]["schema"]["const"] == SCHEMA
    assert PUBLISHED["properties"]["version"]["const"] == VERSION
    assert definitions["cell"]["properties"]["status"]["enum"] == list(Status)
    assert definitions["stop"]["properties"]["kind"]["enum"] == list(StopKind)
    assert definitions["drift"]["properties"]["kind"]["enum"] == list(DriftKind)


def test_cells_are_those_of_the_audit(report: dict[str, Any], every_kind: Comparison) -> None:
    measured = list(every_kind.audit.cells())
    assert len(report["cells"]) == len(measured) == 8
    for shown, (setting, cell) in zip(report["cells"], measured, strict=True):
        assert (shown["gates"], shown["loss"], shown["module"]) == (setting.label, cell.loss, cell.module)
        assert (shown["status"], shown["reason"]) == (cell.status, cell.reason)
        for size in ("share", "reached", "parameters", "nonfinite"):
            assert shown[size] == getattr(cell, size)
        assert [stop["line"] for stop in shown["stops"]] == [stop.place.line for stop in cell.stops]
        assert cell.paths == (int(shown["paths"], 0) if isinstance(shown["paths"], str) else shown["paths"])


def test_path_counts_are_numbers_as_long_as_readers_keep_them_exact(report: dict[str, Any]) -> None:
    kinds = {type(cell["paths"]) for cell in report["cells"]}
    assert kinds == {int, str, type(None)}
    assert all(cell["paths"] <= 2**53 for cell in report["cells"] if isinstance(cell["paths"], int))


def test_what_is_not_finite_is_null(report: dict[str, Any]) -> None:
    assert [cell["norm"] for cell in report["cells"][:4]] == [0.25, None, None, None]
    assert [pair["cosine"] for pair in report["cosines"]] == [-0.5, None]


def test_gates_that_json_does_not_know_are_text(compared: Callable, audit: Audit) -> None:
    setting = Setting({"closed": Path("a"), "rate": float("inf")}, {"closed": True, "rate": 1.0})
    odd = replace(audit, flows=(replace(audit.flows[0], setting=setting),))
    values = json.loads(FORMATS["json"](replace(compared(), audit=odd)))["settings"][0]["values"]
    assert values == {"closed": "a", "rate": "inf"}


def test_a_drift_knows_its_places(report: dict[str, Any], make_drift: Callable[..., Drift], compared: Callable) -> None:
    assert report["drifts"][0]["code"] == {"file": "trainer/my states.py", "line": 88}
    assert report["drifts"][0]["document"] == {"file": "docs/flow.md", "line": 12}
    nowhere = json.loads(FORMATS["json"](compared(make_drift(place=None, row=None))))["drifts"][0]
    assert nowhere["code"] is nowhere["document"] is None


def test_a_cell_is_a_line(every_kind: Comparison) -> None:
    lines = FORMATS["json"](every_kind).splitlines()
    assert sum('"status"' in line for line in lines) == 8
