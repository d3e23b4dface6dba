"""`jepa check-weights`: what it says, where it takes the baseline from, its formats and its mistakes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from jepa_cli.app import app
from jepa_cli.check.choices import REPORTS
from jepa_world_model.rules import RULES, Level
from tests.cli.audit_targets.command import complaint, contents

pytestmark = pytest.mark.usefixtures("reference_by_default")

NOTHING, FINDINGS, BAD_INPUT = 0, 1, 2
Z_ACTION = ("--set", "losses.action_delta_z=0.1")
IDENTITY = ("-c", "user.name=x", "-c", "user.email=x@x.invalid")
OLD = "[losses]\njepa = 1.0\n"
NEW = "[losses]\njepa = 1.0\naction_delta_z = 0.1\n\n[train]\ndetach_z_from_h_and_p = false\n"
ACCEPTED = NEW + '\n[accept]\nz-action-loss = "loops are closed elsewhere"\n'


def check(*arguments: str | Path, columns: int = 80) -> Result:
    return CliRunner(env={"COLUMNS": str(columns)}).invoke(app, ["check-weights", *map(str, arguments)])


def rules(*arguments: str | Path) -> Result:
    """By the rules alone."""
    return check("--no-measure", *arguments)


def told(result: Result, code: int) -> str:
    """As one line, because terminals break lines where they like."""
    assert result.exit_code == code, result.output
    assert result.stderr == ""
    return " ".join(result.stdout.split())


def report(*arguments: str | Path) -> dict:
    result = rules("--format", "json", *arguments)
    assert result.exit_code in (NOTHING, FINDINGS), result.output
    return json.loads(result.stdout)


def failing(*arguments: str | Path) -> list[str]:
    return [found["rule"] for each in report(*arguments)["checks"] for found in each["findings"] if found["fails"]]


# What it says ---------------------------------------------------------------------------------------------------


def test_the_defaults_have_nothing_to_look_at(folder: Path) -> None:
    said = told(rules(), NOTHING)
    assert said.startswith("default compared with default")
    assert said.endswith("no findings that count")
    assert "warning" not in said


@pytest.mark.slow
def test_the_defaults_have_nothing_to_look_at_when_measured(folder: Path) -> None:
    said = told(check(), NOTHING)
    assert said.endswith("no findings that count")
    assert "shares of each module's gradient" in said
    assert "encoder pixel_delta_multi_box" in said


def test_an_edit_in_words_and_what_it_breaks(folder: Path) -> None:
    said = told(rules(*Z_ACTION), FINDINGS)
    assert "losses.action_delta_z: 0 -> 0.1" in said
    assert "this edit enables action_delta_z: it updates encoder and z_action_delta_projector" in said
    assert "warning: z-action-loss: action_delta_z makes z compose under actions" in said
    assert "remedy Evaluate loop closure again" in said
    assert said.endswith("1 warning")


def test_a_gate_in_words(folder: Path) -> None:
    said = told(rules("--set", "train.detach_z_from_h_and_p=false"), FINDINGS)
    assert "this edit lets 6 losses reach encoder: jepa, h2z, action_delta_h, rollout_kstep_h" in said
    assert "encoder is updated by jepa, h2z, action_delta_h" in said


@pytest.mark.slow
def test_measured_shares_say_what_they_were(folder: Path) -> None:
    said = told(check("--set", "losses.geometry_rank_p=100"), NOTHING)
    assert "info: one-loss-dominates: geometry_rank_p: 100 % of p_action_delta_projector, next to scale_dp" in said
    assert "p_action_delta_projector geometry_rank_p 100 % (was 68 %), scale_dp <1 % (was 30 %)" in said


@pytest.mark.slow
def test_what_is_measured_without_a_run_is_said_to_be_so(folder: Path) -> None:
    assert "measured on a small untrained model" in told(check(), NOTHING)
    assert "as recorded with this version of the code" in told(rules(), NOTHING)


def test_settings_that_cannot_be_trained_are_judged_by_the_rules(folder: Path) -> None:
    said = told(check("--set", "losses.jepa=nan"), FINDINGS)
    assert "error: weight-not-finite: not a number: jepa = nan" in said
    assert "note: not measured: losses.jepa=nan cannot be trained" in said


def test_settings_that_no_rule_minds_and_that_cannot_be_trained_are_bad_input(folder: Path) -> None:
    assert "image_size 60 is not a multiple of 16" in complaint(check("--set", "model.image_size=60"))


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_it_fits_the_terminal(columns: int, folder: Path) -> None:
    lines = check("--no-measure", *Z_ACTION, "--set", "losses.scale_dp=0", columns=columns).stdout.splitlines()
    assert max(map(len, lines)) <= columns


def test_a_terminal_without_greek_letters_gets_escapes(folder: Path) -> None:
    command = [sys.executable, "-m", "jepa_cli", "check-weights", "--no-measure"]
    command += ["--set", "losses.action_delta_dp=1", "--set", "losses.scale_dp=0"]
    run = subprocess.run(command, env=os.environ | {"PYTHONIOENCODING": "ascii"}, capture_output=True, text=True)
    assert run.returncode == FINDINGS, run.stderr
    assert "\\u0394p can collapse" in " ".join(run.stdout.split())


# What it is compared with ---------------------------------------------------------------------------------------


def test_a_finding_of_the_baseline_is_told_and_does_not_fail(folder: Path) -> None:
    (folder / "new.toml").write_text(NEW)
    said = told(rules("new.toml", "--baseline", "new.toml"), NOTHING)
    known = "z-action-loss, encoder-shaped-by-dynamics, h2z-beside-jepa, pose-may-drift"
    assert f"as in new.toml: {known} (--strict counts them)" in said
    strictly = told(rules("new.toml", "--baseline", "new.toml", "--strict"), FINDINGS)
    assert "warning: z-action-loss: action_delta_z makes z compose under actions" in strictly
    assert "but as in new.toml" in strictly
    assert failing("new.toml", "--baseline", "new.toml", "--strict") == ["z-action-loss", "encoder-shaped-by-dynamics"]


def test_an_error_fails_although_the_baseline_has_it(folder: Path) -> None:
    (folder / "bad.toml").write_text("[losses]\njepa = nan\n")
    assert failing("bad.toml", "--baseline", "bad.toml", "--fail-on", "error") == ["weight-not-finite"]


def test_a_run_is_a_baseline(folder: Path) -> None:
    (folder / "run").mkdir()
    (folder / "run" / "config.toml").write_text(NEW)
    assert failing("--config", "run/config.toml", "--baseline", "run") == []
    assert report("--baseline", "run")["checks"][0]["baseline"] == "run/config.toml"


@pytest.fixture
def repository(folder: Path) -> Path:
    """A config under git, whose last commit is older than the file."""
    (folder / "configs").mkdir()
    (folder / "configs" / "my.toml").write_text(OLD)
    for command in (["init", "-q"], ["add", "."], [*IDENTITY, "commit", "-q", "-m", "old"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    (folder / "configs" / "my.toml").write_text(NEW)
    return folder


@pytest.mark.parametrize("baseline", ["HEAD", "HEAD:configs/my.toml"])
def test_a_revision_is_a_baseline(baseline: str, repository: Path) -> None:
    (checked,) = report("configs/my.toml", "--baseline", baseline)["checks"]
    assert checked["baseline"] == "HEAD:configs/my.toml"
    assert [change["key"] for change in checked["changes"]] == ["losses.action_delta_z", "train.detach_z_from_h_and_p"]


def test_a_revision_is_found_from_another_folder(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository / "configs")
    assert len(report("my.toml", "--baseline", "HEAD")["checks"][0]["changes"]) == 2
    monkeypatch.setenv("GIT_DIR", ".git")  # as a hook may have it
    assert len(report("my.toml", "--baseline", "HEAD")["checks"][0]["changes"]) == 2


def test_a_file_that_is_new_is_compared_with_the_defaults(repository: Path) -> None:
    (repository / "configs" / "other.toml").write_text(NEW)
    (checked,) = report("configs/other.toml", "--baseline", "HEAD")["checks"]
    assert checked["baseline"] == "default"
    assert "HEAD:configs/other.toml does not exist: compared with the defaults" in checked["notes"]


def test_each_of_several_files_is_checked_by_itself(repository: Path) -> None:
    (repository / "a.toml").write_text(OLD)
    found = report("a.toml", "configs/my.toml")
    assert [each["config"] for each in found["checks"]] == ["a.toml", "configs/my.toml"]
    assert [each["passed"] for each in found["checks"]] == [True, False]
    assert found["passed"] is False
    assert rules("a.toml", "configs/my.toml").exit_code == FINDINGS


def test_a_broken_file_at_a_revision_is_named(repository: Path) -> None:
    (repository / "configs" / "my.toml").write_text("[losses\n")
    subprocess.run(
        ["git", "-c", "user.name=x", "-c", "user.email=x@x.invalid", "commit", "-qam", "broken"],
        cwd=repository,
        check=True,
    )
    (repository / "configs" / "my.toml").write_text(NEW)
    assert "HEAD:configs/my.toml is not TOML" in complaint(rules("configs/my.toml", "--baseline", "HEAD"))


# What is accepted -----------------------------------------------------------------------------------------------


def test_an_accepted_finding_is_told_with_its_reason(folder: Path) -> None:
    (folder / "my.toml").write_text(ACCEPTED)
    said = told(rules("my.toml"), FINDINGS)
    assert "makes z compose under actions (accepted: loops are closed elsewhere)" in said
    assert failing("my.toml") == ["encoder-shaped-by-dynamics"]


def test_an_acceptance_that_no_longer_applies_is_a_finding(folder: Path) -> None:
    (folder / "my.toml").write_text('[accept]\nz-action-loss = "loops are closed elsewhere"\n')
    (found,) = (each for each in report("my.toml")["checks"][0]["findings"] if each["fails"])
    assert (found["rule"], found["line"]) == ("unused-acceptance", 2)


@pytest.mark.slow
@pytest.mark.usefixtures("quick_pictures")
def test_training_takes_a_config_that_accepts(folder: Path, small_settings: list[str]) -> None:
    (folder / "my.toml").write_text(ACCEPTED)
    result = CliRunner().invoke(app, ["train", "--config", "my.toml", "--out", "run", *small_settings])
    assert result.exit_code == 0, result.output
    assert "encoder-shaped-by-dynamics: the encoder is shaped by what is easy to predict" in result.stdout
    assert "z-action-loss" not in result.stdout
    assert "loops are closed elsewhere" in (folder / "run" / "config.toml").read_text()


def test_training_refuses_an_acceptance_of_no_rule_before_it_writes(folder: Path) -> None:
    result = CliRunner().invoke(app, ["train", "--set", "accept.z-acton-loss=x", "--out", "run"])
    assert "did you mean 'z-action-loss'?" in complaint(result)
    assert contents(folder) == {}


# Levels ---------------------------------------------------------------------------------------------------------


def test_only_errors_fail_if_that_is_asked(folder: Path) -> None:
    assert rules(*Z_ACTION, "--fail-on", "error").exit_code == NOTHING
    assert rules(*Z_ACTION, "--fail-on", "warning").exit_code == FINDINGS
    assert rules("--set", "train.detach_decoder=true", "--fail-on", "error").exit_code == FINDINGS


# Formats --------------------------------------------------------------------------------------------------------


@pytest.fixture
def config(folder: Path) -> Path:
    (folder / "my.toml").write_text(NEW)
    return Path("my.toml")


def test_json_has_everything(config: Path) -> None:
    (checked,) = report(config)["checks"]
    assert checked["changes"] == [
        {"key": "losses.action_delta_z", "before": 0.0, "after": 0.1},
        {"key": "train.detach_z_from_h_and_p", "before": True, "after": False},
    ]
    found = {each["rule"]: each for each in checked["findings"]}
    assert found["z-action-loss"] == {
        "rule": "z-action-loss",
        "level": "warning",
        "message": "action_delta_z makes z compose under actions",
        "why": RULES["z-action-loss"].why,
        "remedy": RULES["z-action-loss"].remedy,
        "subjects": ["action_delta_z"],
        "keys": ["losses.action_delta_z"],
        "facts": [],
        "accepted": None,
        "known": False,
        "fails": True,
        "line": 3,
    }
    assert found["pose-may-drift"]["known"] is True
    assert (checked["shares"], checked["cosines"]) == ({}, [])


@pytest.mark.slow
def test_json_holds_what_was_measured_and_what_json_cannot_say(config: Path) -> None:
    (checked,) = json.loads(check(config, "--format", "json").stdout)["checks"]
    assert sum(checked["shares"]["encoder"].values()) == pytest.approx(1)
    assert all(pair["low"] <= pair["mean"] <= pair["high"] for pair in checked["cosines"])
    (checked,) = report("--set", "losses.jepa=nan")["checks"]
    assert checked["changes"] == [{"key": "losses.jepa", "before": 1.0, "after": "nan"}]


def test_github_annotates_the_line(config: Path) -> None:
    lines = rules(config, "--format", "github").stdout.splitlines()
    assert [line.partition("::")[2].partition("::")[0] for line in lines] == [
        "warning file=my.toml,line=3,title=z-action-loss",
        "warning file=my.toml,line=6,title=encoder-shaped-by-dynamics",
    ]
    assert rules("--format", "github").stdout.startswith("::notice title=Weights of default::no findings that count")
    assert rules("--format", "github", "--set", "losses.jepa=nan").stdout.startswith(
        "::error title=weight-not-finite::"
    )


def test_sarif_names_rules_lines_and_what_is_suppressed(config: Path) -> None:
    Path("my.toml").write_text(ACCEPTED)
    (run,) = json.loads(rules(config, "--format", "sarif").stdout)["runs"]
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == list(RULES)
    results = {result["ruleId"]: result for result in run["results"]}
    place = results["encoder-shaped-by-dynamics"]["locations"][0]["physicalLocation"]
    assert place == {"artifactLocation": {"uri": "my.toml", "uriBaseId": "%SRCROOT%"}, "region": {"startLine": 6}}
    assert results["z-action-loss"]["suppressions"] == [
        {"kind": "inSource", "justification": "accepted: loops are closed elsewhere"}
    ]
    assert results["pose-may-drift"]["suppressions"][0]["kind"] == "external"
    assert "suppressions" not in results["encoder-shaped-by-dynamics"]
    for result in run["results"]:
        assert list(RULES)[result["ruleIndex"]] == result["ruleId"]


def test_sarif_fingerprints_outlive_moved_lines(config: Path) -> None:
    def fingerprints() -> set[str]:
        (run,) = json.loads(rules(config, "--format", "sarif").stdout)["runs"]
        return {result["partialFingerprints"]["primaryLocationLineHash"] for result in run["results"]}

    before = fingerprints()
    Path("my.toml").write_text(f"# moved\n\n{NEW}")
    assert fingerprints() == before
    assert len(before) == len({finding["rule"] for finding in report(config)["checks"][0]["findings"]})


def test_markdown_is_a_comment(config: Path) -> None:
    comment = rules(config, "--format", "markdown").stdout
    assert comment.startswith("**Weights of my.toml: 2 warnings** (compared with default)\n")
    assert "- `losses.action_delta_z: 0 -> 0.1`\n" in comment
    assert "| warning | `z-action-loss` | action\\_delta\\_z makes z compose under actions |" in comment
    counted, folded = comment.split("<details><summary>What does not count</summary>")
    assert "pose-may-drift" in folded
    assert "pose-may-drift" not in counted
    assert "<details><summary>Shares of each module's gradient</summary>" not in comment


@pytest.mark.slow
def test_markdown_explains_a_rule_once(config: Path) -> None:
    comment = check(config, "--format", "markdown", "--strict").stdout
    assert "<details><summary>Shares of each module's gradient</summary>" in comment
    assert comment.count(" apart: cosine ") > 1
    assert comment.count("| `losses-pull-apart` |") == 1


@pytest.mark.parametrize("format", REPORTS)
def test_a_report_in_a_file(format: str, config: Path) -> None:
    result = rules(config, "--format", format, "--output", "report")
    assert (result.exit_code, result.stdout) == (FINDINGS, "")
    assert "z-action-loss" in Path("report").read_text(encoding="utf-8")


# Mistakes -------------------------------------------------------------------------------------------------------

WRONG = {
    "an unknown format": (["--format", "jsn"], "--format jsn: did you mean 'json'?"),
    "an unknown level": (["--fail-on", "warnings"], "--fail-on warnings: did you mean 'warning'?"),
    "a file that is not there": (["no.toml"], "config file no.toml does not exist"),
    "an unknown key": (["--set", "losses.jpea=1"], "losses.jpea: unknown key. did you mean 'losses.jepa'?"),
    "an unknown table": (["--set", "los.jepa=1"], "los: unknown table. did you mean 'losses'?"),
    "no baseline file": (["--baseline", "no.toml"], "--baseline no.toml: there is no such file"),
    "no baseline at all": (["--baseline", "nothing"], "--baseline nothing: a git revision needs a file"),
    "a folder that is no run": (["--baseline", "."], "is not a run folder: expected config.toml in it"),
    "a checkpoint that is none": (["--checkpoint", "no"], "--checkpoint no: is not a run folder"),
    "weights without a measurement": (["--checkpoint", "no", "--no-measure"], "--no-measure reads no weights"),
    "an acceptance of no rule": (["--set", "accept.foo=x"], "accept.foo: there is no such rule: known are"),
    "a report in no folder": (["--output", "no/report"], "--output no/report: folder no does not exist"),
}


@pytest.mark.parametrize(("arguments", "expected"), WRONG.values(), ids=WRONG)
def test_a_mistake_is_one_message_and_writes_nothing(arguments: list[str], expected: str, folder: Path) -> None:
    assert expected in complaint(check(*arguments))
    assert contents(folder) == {}


def test_a_revision_that_does_not_exist(repository: Path) -> None:
    expected = "--baseline HAED: expected default, a TOML file, a run folder or a git revision, found none of them"
    assert complaint(rules("configs/my.toml", "--baseline", "HAED")) == expected


def test_toml_with_a_mistake_is_told_with_line_and_column(folder: Path) -> None:
    (folder / "my.toml").write_text("[losses]\njepa = = 1\n")
    said = complaint(rules("my.toml"))
    assert said.startswith("config file my.toml is not TOML: ")
    assert "line 2, column 8" in said


@pytest.mark.slow
@pytest.mark.usefixtures("quick_pictures")
def test_weights_of_another_shape(folder: Path, small_settings: list[str]) -> None:
    assert CliRunner().invoke(app, ["train", "--out", "run", *small_settings, "--steps", "1"]).exit_code == 0
    said = complaint(check("--checkpoint", "run", "--set", "model.hidden_width=20"))
    assert "does not fit the config that was given" in said
    assert "expected [20," in said


def test_help_shows_examples_and_every_option() -> None:
    shown = check("--help", columns=100).output
    command = typer.main.get_command(app).commands["check-weights"]  # pyright: ignore[reportAttributeAccessIssue]
    for parameter in command.params[1:]:
        assert parameter.opts[0] in shown
    assert "jepa check-weights --config my.toml --baseline HEAD" in shown


def test_levels_have_an_order() -> None:
    assert [level.rank for level in Level] == [0, 1, 2]
