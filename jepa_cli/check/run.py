"""Carries out a check of weights that was asked for on the command line."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from audits.errors import AuditError, UserError
from jepa_cli.check.baseline import CONFIG, baseline_settings
from jepa_cli.check.choices import LEVELS, REPORTS, RICH
from jepa_cli.check.formats import FORMATS
from jepa_cli.check.report import Report, report
from jepa_cli.terminal.choice import check_choice
from jepa_cli.terminal.files import check_writable
from jepa_cli.terminal.loading import loading
from jepa_cli.terminal.safe_text import safe
from jepa_world_model.rules import Check, Level
from jepa_world_model.rules.judging import judge, recorded
from jepa_world_model.settings import Settings, read_settings

TEXT_WIDTH = 100
RULES_ONLY = "rules only: which loss reaches which module is as recorded with this version of the code"
UNTRAINED = "measured on a small untrained model and random frames; --checkpoint RUN measures at trained weights"


@dataclass(frozen=True)
class CheckRequest:
    """The options, as typed."""

    configs: Sequence[Path]
    baseline: str | None
    overrides: Sequence[str]
    checkpoint: Path | None
    fail_on: str
    strict: bool
    measure: bool
    format: str
    output: Path | None

    def check(self) -> None:
        """Raises AuditError for options that do not go together or name nothing."""
        check_choice("--format", self.format, REPORTS)
        check_choice("--fail-on", self.fail_on, LEVELS)
        if self.checkpoint and not self.measure:
            raise AuditError("--no-measure reads no weights; leave out --checkpoint")
        if self.output:
            check_writable("--output", self.output)


def run_check(request: CheckRequest) -> bool:
    """Check every config and report. Returns whether all of them pass.

    Raises AuditError or UserError for what cannot be checked.
    """
    request.check()
    reports = [_report(request, config) for config in request.configs or [None]]
    if request.format == RICH:
        _show(request, reports)
    else:
        _write(request, FORMATS[request.format](reports))
    if request.output:
        told = "; ".join(f"{each.name}: {each.verdict}" for each in reports)
        print(safe(f"{request.output}: {told}"), file=sys.stderr)
    return all(each.passed for each in reports)


def _report(request: CheckRequest, config: Path | None) -> Report:
    after = _settings(request, config)
    own = str(request.checkpoint) if request.checkpoint else None
    before, notes = baseline_settings(request.baseline or own, config)
    check, baseline, how = _checked(request, after, before)
    return report(check, baseline, least=Level(request.fail_on), strict=request.strict, notes=[*notes, *how])


def _settings(request: CheckRequest, config: Path | None) -> Settings:
    """Those of a file, or else of the run of --checkpoint, or else the defaults."""
    if config is None and request.checkpoint:
        config = request.checkpoint / CONFIG
        if not config.is_file():
            raise UserError(f"--checkpoint {request.checkpoint}: is not a run folder: expected {CONFIG} in it")
    return read_settings(config, request.overrides)


def _checked(request: CheckRequest, after: Settings, before: Settings) -> tuple[Check, Check, list[str]]:
    """Both checks, and how they were made."""
    check, baseline = recorded(after), recorded(before)
    for refused in (check, baseline):
        if refused.settings.refusal and not any(finding.level is Level.ERROR for finding in judge(refused)):
            raise UserError(refused.settings.refusal)
    if not request.measure:
        return check, baseline, [RULES_ONLY]
    if refused := (after.refusal and after.name) or (before.refusal and before.name):
        return check, baseline, [f"not measured: {refused} cannot be trained", RULES_ONLY]
    with loading():
        from jepa_cli.check.measure import measured

    check, baseline = measured(after, before, request.checkpoint)
    return check, baseline, [] if request.checkpoint else [UNTRAINED]


def _show(request: CheckRequest, reports: Sequence[Report]) -> None:
    from jepa_cli.check.view import show
    from jepa_cli.terminal.plain_page import PlainPage

    page = PlainPage(width=TEXT_WIDTH if request.output else None)
    for number, each in enumerate(reports):
        if number:
            page.blank()
        show(each, page)
    if request.output:
        _write(request, page.text())
    else:
        page.print()


def _write(request: CheckRequest, text: str) -> None:
    if request.output:
        from audits.files import write_file

        write_file(request.output, text)
    else:
        sys.stdout.write(safe(text))
