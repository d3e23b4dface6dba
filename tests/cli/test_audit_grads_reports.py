"""The reports of `jepa audit-grads`: each format, on the terminal and in a file; `--explain`; `--strength`."""

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.cli.audit_targets.command import AS_DOCUMENTED, BAD_INPUT, DRIFT, FLOW, audit_grads, audit_small, complaint

CELLS = 2 * 2 * 3  # settings, losses, modules

HOLDS: dict[str, Callable[[str], bool]] = {
    "rich": lambda text: "task: encoder: unexpected" in text,
    "json": lambda text: len(json.loads(text)["cells"]) == CELLS and not json.loads(text)["passed"],
    "csv": lambda text: len(list(csv.DictReader(io.StringIO(text)))) == CELLS,
    "markdown": lambda text: "| `task` |" in text,
    "junit": lambda text: ElementTree.fromstring(text).attrib["failures"] == "2",
    "sarif": lambda text: len(json.loads(text)["runs"][0]["results"]) == 1,
    "github": lambda text: "::error file=" in text,
}


@pytest.fixture
def table(trainers: Path) -> Path:
    """A document of the small trainer in which one update is forgotten."""
    table = trainers / "FLOW.md"
    table.write_text(FLOW.read_text().replace("encoder, head", "head"))
    return table


@pytest.mark.parametrize("format", HOLDS)
def test_a_format_on_the_terminal(format: str, table: Path) -> None:
    result = audit_small("--table", table, "--format", format)
    assert result.exit_code == DRIFT, result.output
    assert HOLDS[format](result.stdout)


@pytest.mark.parametrize("format", HOLDS)
def test_a_format_in_a_file_that_it_replaces(format: str, table: Path) -> None:
    (table.parent / "report").write_text("old and much longer " * 1000)
    result = audit_small("--table", table, "--format", format, "--output", "report")
    assert result.exit_code == DRIFT, result.output
    assert result.stdout == ""
    assert HOLDS[format]((table.parent / "report").read_text())
    assert sorted(path.name for path in table.parent.iterdir()) == ["FLOW.md", "report"]


@pytest.mark.parametrize("format", HOLDS)
def test_a_format_when_all_is_as_documented(format: str, trainers: Path) -> None:
    result = audit_small("--table", FLOW, "--format", format)
    assert result.exit_code == AS_DOCUMENTED, result.output
    assert not HOLDS[format](result.stdout) or format in ("csv", "markdown")


@pytest.mark.parametrize("format", ["rich", "json"])
def test_a_file_that_cannot_be_replaced_is_as_before(format: str, table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (table.parent / "report").write_text("old")

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("audits.files.os.replace", refuse)
    result = audit_small("--table", table, "--format", format, "--output", "report")
    assert result.exit_code == BAD_INPUT, result.output
    assert result.stderr == "Error: report cannot be written: Permission denied\n"
    assert (table.parent / "report").read_text() == "old"
    assert sorted(path.name for path in table.parent.iterdir()) == ["FLOW.md", "report"]


def test_a_cut_is_explained_with_its_place_and_gate(trainers: Path) -> None:
    result = audit_small("--explain", "value:encoder")
    assert result.exit_code == AS_DOCUMENTED, result.output
    assert re.search(r"absent at default$.*trainers\.py:\d+ \(gate critic_trains_encoder\)", result.stdout, re.M | re.S)
    assert "live at critic_trains_encoder=True" in result.stdout


def test_a_gradient_is_explained_with_its_way(trainers: Path) -> None:
    result = audit_small("--explain", "task:encoder")
    assert result.exit_code == AS_DOCUMENTED, result.output
    assert re.search(r"shortest path of the gradient:\n +.*trainers\.py:\d+ +Trainer\.losses", result.stdout)
    assert "2 of 2 reached" in result.stdout


def test_the_world_model_is_explained_with_the_line_of_its_gate() -> None:
    result = audit_grads("--gates", "detach_decoder=True", "--losses", "recon", "--explain", "recon:encoder")
    assert result.exit_code == AS_DOCUMENTED, result.output
    assert re.search(r"jepa_world_model/states\.py:\d+ \(gate detach_decoder\)", result.stdout)


def test_an_explanation_goes_to_a_file(trainers: Path) -> None:
    assert audit_small("--explain", "task:encoder", "--output", "why.txt").stdout == ""
    assert "shortest path" in (trainers / "why.txt").read_text()


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("tsak:encoder", "did you mean 'task'?"),
        ("task:encodr", "did you mean 'encoder'?"),
        ("task", "expected LOSS:MODULE"),
        (":encoder", "expected LOSS:MODULE"),
        ("task:", "expected LOSS:MODULE"),
    ],
)
def test_what_cannot_be_explained_is_refused(asked: str, expected: str, trainers: Path) -> None:
    assert expected in complaint(audit_small("--explain", asked))


def test_strength_counts_what_each_layer_notices(trainers: Path) -> None:
    result = audit_small("--strength")
    assert result.exit_code == AS_DOCUMENTED, result.output
    noticed = re.search(r"noticed at all +(\d+) of (\d+)", result.stdout)
    assert noticed is not None
    assert noticed[1] == noticed[2] != "0"
    assert "HOLES" not in result.stdout


def test_strength_as_json_has_an_object_for_each_mutant(trainers: Path) -> None:
    result = audit_small("--strength", "--format", "json", "--output", "mutants.json")
    assert result.exit_code == AS_DOCUMENTED, result.output
    mutants = json.loads((trainers / "mutants.json").read_text())
    (stop,) = [mutant for mutant in mutants if "features.detach()" in mutant["what"]]
    assert stop["setting"] == "default"
    assert stop["noticed"] == ["presence", "routes", "stops"]
    assert not stop["hole"]


def test_a_hole_in_the_contract_is_drift(trainers: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audits.mutation.layers_that_differ", lambda *_: ())
    result = audit_small("--strength")
    assert result.exit_code == DRIFT
    assert "HOLES: the contract would not notice" in result.stdout
