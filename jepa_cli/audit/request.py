"""What `jepa audit-grads` is asked for, checked before anything is computed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audits import AuditError
from jepa_cli.audit.choices import REPORTS, RICH
from jepa_cli.targets.documents import TABLE, check_updatable, named_table
from jepa_cli.targets.subject import ALL, DEFAULT, Subject, SubjectOptions
from jepa_cli.terminal.choice import check_choice
from jepa_cli.terminal.files import check_writable

if TYPE_CHECKING:
    from audits import Target


@dataclass(frozen=True)
class Request:
    """The options, as typed."""

    subject: SubjectOptions
    table: Path | None
    losses: Sequence[str]
    gates: Sequence[str]
    explain: str | None
    strength: bool
    format: str
    output: Path | None
    update: bool
    complete: bool = False
    strict: bool = False

    def check(self) -> None:
        """Raises AuditError for options that do not go together or name nothing."""
        check_choice("--format", self.format, REPORTS)
        self.subject.check()
        self._check_what_is_done()
        if self.output:
            check_writable("--output", self.output)

    def _check_what_is_done(self) -> None:
        doing = {"--strength": self.strength, "--explain": self.explain, "--update": self.update}
        asked = [option for option, value in doing.items() if value]
        if len(asked) > 1:
            raise AuditError(f"expected at most one of {', '.join(doing)}, found {' and '.join(asked)}")
        if self.strength and self.format not in (RICH, "json"):
            raise AuditError(f"--strength reports as rich or json, found --format {self.format}")
        if self.strength and self.losses:
            raise AuditError("--strength breaks the routing of all losses at once; leave out --losses")
        if self.explain and self.format != RICH:
            raise AuditError(f"--explain reports as rich, found --format {self.format}; without it json has every cell")
        if self.explain and not all(self.explain.partition(":")):
            raise AuditError(f"--explain {self.explain}: expected LOSS:MODULE, such as jepa:predictor")
        if self.update and self.subject.checkpoint:
            raise AuditError("--update writes what holds for every run; leave out --checkpoint")
        if self.subject.script:
            self._check_script(self.subject.script.option)
        if self.update and (self.subject.target or self.subject.script) and not self.table:
            raise AuditError("--update needs to know what to write: --table FLOW.md")

    def _check_script(self, option: str) -> None:
        if self.gates:
            raise AuditError(f"{option} runs with the settings that it has; leave out --gates")
        if self.strength:
            raise AuditError(
                f"--strength breaks the routing again and again, which needs --target in place of {option}"
            )

    @property
    def asks_all_gates(self) -> bool:
        return list(self.gates) == [ALL] or not (self.gates or self.subject.has_config)


@dataclass(frozen=True)
class Plan:
    """What will be audited."""

    target: Target | None
    """None: a script, of which nothing is known yet."""
    settings: str | list[Mapping[str, Any]]
    losses: Collection[str] | None
    table: Path | None
    shape_matters: bool = True


def plan(request: Request) -> Plan:
    """Raises AuditError or UserError for whatever is wrong with the request."""
    request.check()
    if request.update:
        check_updatable(request.table)
        check_writable("--table", request.table or TABLE)
    if script := request.subject.script:
        return Plan(None, DEFAULT, script.chosen or None, request.table)
    subject = request.subject.load()
    return Plan(
        subject.target,
        _settings(request, subject),
        subject.losses(request.losses),
        _table(request, subject),
        shape_matters=not request.subject.checkpoint,
    )


def _settings(request: Request, subject: Subject) -> str | list[Mapping[str, Any]]:
    if request.asks_all_gates:
        return ALL
    chosen = subject.gates(request.gates)
    return chosen if isinstance(chosen, str) else [chosen]


def _table(request: Request, subject: Subject) -> Path | None:
    if request.update:
        return request.table or TABLE
    if subject.config is None:
        return request.table
    return named_table(request.table or TABLE)
