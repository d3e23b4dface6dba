"""The GitHub action: its scripts with stand-ins for `jepa` and `gh`, and what action.yml says of them."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ACTION = ROOT / "action"
JEPA = """#!/usr/bin/env bash
echo "$@" >>"$LOG"
case "$*" in
  *"--format github"*) echo "::notice::said"; exit ${CODE:-0} ;;
  *"--format sarif"*) echo log >"${@: -1}" ;;
  *"--format markdown"*) echo "**the table**" ;;
  *"--format mermaid"*) echo "flowchart LR" ;;
esac
exit ${CODE:-0}
"""
GH = """#!/usr/bin/env bash
echo "$@" >>"$LOG"
[[ "$*" == *--paginate* ]] && echo "$FOUND"
exit 0
"""


@pytest.fixture
def machine(tmp_path: Path) -> dict[str, str]:
    """A folder with stand-ins, and the environment of a step of a workflow."""
    for name, script in (("jepa", JEPA), ("gh", GH)):
        (tmp_path / name).write_text(script, encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    output = {"GITHUB_OUTPUT": str(tmp_path / "output"), "GITHUB_STEP_SUMMARY": str(tmp_path / "summary")}
    path = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "LOG": str(tmp_path / "log"), "HOME": str(tmp_path)}
    return path | output


def step(script: str, machine: dict[str, str], **env: str) -> subprocess.CompletedProcess[str]:
    folder = Path(machine["HOME"])
    return subprocess.run(
        ["bash", str(ACTION / script)], env=machine | env, cwd=folder, capture_output=True, text=True, check=False
    )


def outputs(machine: dict[str, str]) -> dict[str, str]:
    return dict(line.split("=", 1) for line in Path(machine["GITHUB_OUTPUT"]).read_text().splitlines())


@pytest.mark.parametrize(("code", "passed"), [(0, "true"), (1, "false")])
def test_one_audit_gives_annotations_sarif_and_a_comment(code: int, passed: str, machine: dict[str, str]) -> None:
    found = step("audit.sh", machine, JEPA_TARGET="a:b", JEPA_TABLE="F.md", JEPA_OPTIONS="--strict", CODE=str(code))
    assert found.returncode == code
    assert found.stdout == "::notice::said\n"
    told = outputs(machine)
    assert told["passed"] == passed
    assert Path(machine["HOME"], told["sarif"]).read_text() == "log\n"
    comment = Path(told["comment"]).read_text()
    assert comment.startswith("<!-- gradient flow of a:b -->\n**the table**\n")
    assert ("```mermaid\nflowchart LR\n```" in comment) == (code == 0)
    assert Path(machine["GITHUB_STEP_SUMMARY"]).read_text() == comment
    calls = Path(machine["LOG"]).read_text().splitlines()
    assert calls[0] == "audit-grads --target a:b --table F.md --strict --format github"


def test_a_script_without_a_table(machine: dict[str, str]) -> None:
    assert step("audit.sh", machine, JEPA_SCRIPT="my train.py").returncode == 0
    calls = Path(machine["LOG"]).read_text().splitlines()
    assert calls[0] == "audit-grads --script my train.py --format github"
    assert not any("render-flow" in call for call in calls)


def test_what_cannot_be_audited_writes_no_comment(machine: dict[str, str]) -> None:
    assert step("audit.sh", machine, JEPA_TARGET="a:b", CODE="2").returncode == 2
    assert outputs(machine) == {"passed": "false"}


def test_nothing_to_audit_is_one_error(machine: dict[str, str]) -> None:
    found = step("audit.sh", machine)
    assert found.returncode == 2
    assert found.stdout.startswith("::error::gradient flow: expected one of the inputs")


@pytest.mark.parametrize(
    ("own", "call"),
    [("", "repos/me/it/issues/7/comments --method POST"), ("12", "repos/me/it/issues/comments/12 --method PATCH")],
)
def test_a_pull_request_has_one_comment(own: str, call: str, machine: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "comment.md").write_text("<!-- gradient flow of a:b -->\n")
    env = {"COMMENT": "comment.md", "PULL_REQUEST": "7", "GITHUB_REPOSITORY": "me/it", "FOUND": own}
    assert step("comment.sh", machine, **env).returncode == 0
    asked, written = Path(machine["LOG"]).read_text().splitlines()
    assert asked.startswith("api repos/me/it/issues/7/comments --paginate")
    assert written == f"api {call} --field body=@comment.md --silent"


def test_the_action_runs_these_scripts_with_what_they_read() -> None:
    text = (ROOT / "action.yml").read_text(encoding="utf-8")
    scripts = re.findall(r"\$GITHUB_ACTION_PATH/action/(\w+\.sh)", text)
    assert sorted(scripts) == sorted(file.name for file in ACTION.iterdir())
    given = set(re.findall(r"^ +([A-Z_]+): \$\{\{", text, re.MULTILINE))
    source = "".join((ACTION / script).read_text(encoding="utf-8") for script in scripts)
    read = set(re.findall(r"\$\{?(JEPA_\w+|COMMENT|PULL_REQUEST)", source))
    assert read <= given
    for name in re.findall(r"steps\.audit\.outputs\.(\w+)", text):
        assert re.search(rf"\b{name}=", source)
