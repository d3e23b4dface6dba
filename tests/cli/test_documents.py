"""Which contract of the world model a command compares with, and that it says so where nobody named one."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from jepa_cli.app import app
from jepa_cli.targets import documents
from jepa_cli.targets.documents import PROJECT, TABLE, documented_table
from tests.cli.audit_targets.command import AS_DOCUMENTED, WIDE, audit_grads, complaint, contents

ONE = ("--losses", "jepa", "--gates", "default")
ELSEWHERE = f"no {TABLE} in this folder: compared with that of the package, "


@pytest.fixture
def installed(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The contract as an installed package has it."""
    path = tmp_path_factory.mktemp("site-packages") / TABLE.name
    for suffix in (".md", ".lock.json"):
        path.with_suffix(suffix).write_bytes((PROJECT / TABLE).with_suffix(suffix).read_bytes())
    monkeypatch.setattr(documents, "INSTALLED", path)
    return path


def render_flow(*arguments: str) -> str:
    result = CliRunner(env=WIDE).invoke(app, ["render-flow", "--losses", "jepa", "--out", "flow.mmd", *arguments])
    assert result.exit_code == AS_DOCUMENTED, result.output
    return result.output


def test_the_current_folder_comes_first_then_the_package_then_its_checkout(folder: Path, installed: Path) -> None:
    assert documented_table() == installed
    TABLE.parent.mkdir()
    TABLE.write_text("here")
    assert documented_table() == TABLE
    TABLE.unlink()
    installed.unlink()
    assert documented_table() == PROJECT / TABLE


@pytest.mark.parametrize("arguments", [ONE, (*ONE, "--table", str(TABLE)), (*ONE, "--format", "json")])
def test_an_audit_in_an_empty_folder_says_where_its_contract_is(
    arguments: list[str], folder: Path, installed: Path
) -> None:
    result = audit_grads(*arguments)
    assert result.exit_code == AS_DOCUMENTED, result.output
    assert result.stderr == f"{ELSEWHERE}{installed}\n"


def test_a_contract_of_the_current_folder_is_not_spoken_of(folder: Path, installed: Path) -> None:
    TABLE.parent.mkdir()
    for suffix in (".md", ".lock.json"):
        TABLE.with_suffix(suffix).write_bytes(installed.with_suffix(suffix).read_bytes())
    result = audit_grads(*ONE)
    assert result.exit_code == AS_DOCUMENTED, result.output
    assert result.stderr == ""


@pytest.mark.parametrize("named", ["default", str(TABLE)])
def test_a_picture_is_compared_with_the_same_contract(named: str, folder: Path, installed: Path) -> None:
    text = render_flow("--against", named)
    assert f"{ELSEWHERE}{installed}" in text
    assert "as documented" in text


def test_another_trainer_is_never_compared_with_the_contract_of_the_world_model(
    trainers: Path, installed: Path
) -> None:
    text = complaint(audit_grads("--target", "trainers:audit_target", "--table", str(TABLE)))
    assert str(TABLE) in text
    assert "does not exist" in text


def test_an_update_in_an_empty_folder_is_one_message_and_writes_nothing(folder: Path, installed: Path) -> None:
    before = contents(installed.parent)
    text = complaint(audit_grads(*ONE, "--update"))
    assert f"there is no {TABLE} in {folder}" in text
    assert "--table FLOW.md" in text
    assert "belongs to the installed package" in complaint(audit_grads(*ONE, "--update", "--table", installed))
    assert contents(folder) == {}
    assert contents(installed.parent) == before
