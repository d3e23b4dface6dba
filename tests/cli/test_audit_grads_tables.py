"""`jepa audit-grads` and a document or a lock file that cannot be used: one message, and nothing written."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.audit_targets.command import AS_DOCUMENTED, BAD_INPUT, DRIFT, FLOW, audit_small, complaint, contents

ROW = "| value | — | critic | Reads features stop-grad. |"

MISTAKES = {
    "unknown loss": (("| value |", "| vlaue |"), "FLOW.md:6: ", "did you mean 'value'?"),
    "unknown module": (("encoder, head", "encodr, head"), "FLOW.md:5: ", "did you mean 'encoder'?"),
    "unknown gate": (("critic_trains_encoder=True", "critic_trains=True"), "FLOW.md:10: ", "critic_trains_encoder"),
    "unknown value of a gate": (("critic_trains_encoder=True", "critic_trains_encoder=7"), "FLOW.md:10: ", "7"),
    "doubled row": ((ROW, f"{ROW}\n{ROW}"), "FLOW.md:7: ", "'value'"),
    "missing cell": ((ROW, "| value | critic |"), "FLOW.md:6: ", "expected 4 cells as in the header, found 2"),
}


@pytest.fixture
def table(trainers: Path) -> Path:
    """A copy of the small trainer's document, and a lock file that fits it."""
    table = trainers / "FLOW.md"
    table.write_bytes(FLOW.read_bytes())
    assert audit_small("--table", "FLOW.md", "--update").exit_code == AS_DOCUMENTED
    assert audit_small("--table", "FLOW.md").exit_code == AS_DOCUMENTED
    return table


def refused(*arguments: str | Path) -> str:
    """What is said; the current folder is as before."""
    before = contents(Path.cwd())
    text = complaint(audit_small("--format", "json", *arguments))
    assert contents(Path.cwd()) == before
    return text


@pytest.mark.parametrize(("edit", "where", "what"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_in_the_table_is_named_with_its_line(
    edit: tuple[str, str], where: str, what: str, table: Path
) -> None:
    text = table.read_text()
    assert edit[0] in text
    table.write_text(text.replace(*edit))
    message = refused("--table", "FLOW.md")
    assert where in message
    assert what in message


def test_a_row_that_is_missing_is_named_in_one_line_and_a_drift_if_all_is_demanded(table: Path) -> None:
    table.write_text(table.read_text().replace(f"{ROW}\n", ""))
    told = audit_small("--table", "FLOW.md")
    assert told.exit_code == AS_DOCUMENTED
    assert sum("loss value" in line and "--complete" in line for line in told.stdout.splitlines()) == 1, told.stdout
    assert audit_small("--table", "FLOW.md", "--complete").exit_code == DRIFT


def test_all_mistakes_of_a_table_are_reported_at_once(table: Path) -> None:
    table.write_text(table.read_text().replace("encoder, head", "encodr, haed"))
    message = refused("--table", "FLOW.md")
    assert "'encoder'" in message
    assert "'head'" in message


def test_a_table_that_is_not_utf_8_is_refused(table: Path) -> None:
    table.write_bytes(table.read_bytes().replace(b"Small", b"Sm\xe4ll"))
    assert "FLOW.md is not UTF-8 text" in refused("--table", "FLOW.md")


@pytest.mark.parametrize("update", [[], ["--update"]], ids=["compare", "update"])
def test_a_folder_is_no_table(update: list[str], table: Path) -> None:
    (table.parent / "docs").mkdir()
    assert "docs" in (message := refused("--table", "docs", *update))
    assert "folder" in message


def test_a_table_that_is_not_there_is_named_with_the_remedy(table: Path) -> None:
    message = refused("--table", "FLOWS.md")
    assert "FLOWS.md does not exist" in message
    assert "--update" in message


def test_an_update_into_a_folder_that_is_not_there_is_refused(table: Path) -> None:
    assert "folder docs does not exist" in refused("--table", "docs/FLOW.md", "--update")


def test_an_update_does_not_guess_how_to_mend_a_doubled_row(table: Path) -> None:
    table.write_text(table.read_text().replace(ROW, f"{ROW}\n{ROW}"))
    assert "FLOW.md:7: " in refused("--table", "FLOW.md", "--update")


def relocked(**changes: object) -> Callable[[bytes], bytes]:
    return lambda lock: json.dumps({**json.loads(lock), **changes}).encode()


LOCKS = {
    "another version": (relocked(version=99), "expected version 2 of the lock file, found 99"),
    "no version": (lambda lock: b"{}", "found None"),
    "another shape": (relocked(shape={"frames": 9}), "frames: 9 in the lock, none here"),
    "another target": (relocked(target="big_trainer"), "the lock is of 'big_trainer', the audit of 'small_trainer'"),
    "not JSON": (lambda lock: lock[:-20], "expected JSON"),
    "no object": (lambda lock: b"[1, 2]", "expected version 2"),
    "no settings": (relocked(settings=None), "expected target, torch, shape, and settings"),
    "routes that are no texts": (
        relocked(settings={"default": {"task": {"routes": [1], "stops": []}}}),
        "expected target, torch, shape, and settings",
    ),
    "not UTF-8": (lambda lock: lock.replace(b"small_trainer", b"\xff"), "is not UTF-8 text"),
    "empty": (lambda lock: b"", "expected JSON"),
}


@pytest.mark.parametrize(("change", "expected"), LOCKS.values(), ids=LOCKS)
def test_a_lock_file_of_something_else_is_refused(change: Callable[[bytes], bytes], expected: str, table: Path) -> None:
    lock = table.with_suffix(".lock.json")
    lock.write_bytes(change(lock.read_bytes()))
    message = refused("--table", "FLOW.md")
    assert message.startswith("FLOW.lock.json")
    assert expected in message


def test_a_lock_file_that_is_a_folder_is_refused(table: Path) -> None:
    lock = table.with_suffix(".lock.json")
    lock.unlink()
    lock.mkdir()
    assert "FLOW.lock.json" in refused("--table", "FLOW.md")


def test_a_damaged_lock_file_is_not_replaced_by_an_update(table: Path) -> None:
    lock = table.with_suffix(".lock.json")
    lock.write_text("{")
    assert "FLOW.lock.json:1: expected JSON" in refused("--table", "FLOW.md", "--update")


def test_a_system_that_refuses_to_write_is_named_and_no_file_is_half_written(
    table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table.write_text(table.read_text().replace("encoder, head", "head"))
    before = contents(table.parent)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("audits.files.os.replace", full)
    result = audit_small("--table", "FLOW.md", "--update")
    assert result.exit_code == BAD_INPUT
    assert result.stderr == "Error: FLOW.md cannot be written: No space left on device\n"
    assert contents(table.parent) == before
