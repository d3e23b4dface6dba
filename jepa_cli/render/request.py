"""A request to `jepa render-flow`, checked before anything is computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from audits import AuditError
from jepa_cli.render.choices import LOSS, MATRIX, MODEL, SUFFIXES, VIEWS
from jepa_cli.targets.documents import documented_table, named_table
from jepa_cli.targets.subject import ALL, DEFAULT, ENABLED, GateValues, Subject, SubjectOptions, listed
from jepa_cli.terminal.choice import check_choice
from jepa_cli.terminal.files import check_writable

DRAWN = ("svg", "png", "pdf", "html")
"""Formats that need Graphviz."""
STDOUT, NAME = Path("-"), "gradient-flow"
MOST_SETTINGS = 16
"""Of the gates: more than a reader would switch between on one page."""


@dataclass(frozen=True)
class RenderRequest:
    """The options, as typed."""

    subject: SubjectOptions
    out: Path | None
    format: str | None
    losses: Sequence[str]
    gates: Sequence[str]
    view: str | None
    against: Path | None
    compare: str | None

    def check(self) -> None:
        """Raises AuditError for options that exclude each other or name nothing that exists."""
        if self.format:
            check_choice("--format", self.format, SUFFIXES)
        if self.view:
            check_choice("--view", self.view, VIEWS)
        self.subject.check()
        if self.file:
            check_writable("--out", self.file)
        self._check_what_is_drawn()

    def _check_what_is_drawn(self) -> None:
        if self.out and self.out != STDOUT:
            told = _told_by(self.out)
            if self.format is None and told is None:
                endings = ", ".join(ending for endings in SUFFIXES.values() for ending in endings)
                raise AuditError(f"--out {self.out}: expected an ending that says the format ({endings}), or --format")
            if self.format and told and told != self.format:
                raise AuditError(f"--out {self.out} is a file of the format {told}, found --format {self.format}")
        if self.subject.script and (self.gates or self.compare):
            given = "--gates" if self.gates else "--compare"
            raise AuditError(f"{self.subject.script.option} runs with the settings that it has; leave out {given}")
        if self.against and self.compare:
            raise AuditError("expected at most one of --against and --compare, found both")
        if self.view == MATRIX and self.chosen_format == "mermaid":
            raise AuditError("--view matrix cannot be written as mermaid: use svg, png, pdf, html, dot or text")
        if self.view == LOSS and len(self.named) != 1:
            found = ", ".join(self.named) or "none"
            raise AuditError(f"--view loss shows one loss: expected --losses NAME, found {found}")
        if ALL in listed(self.gates) and not self.shows_all_settings:
            raise AuditError("--gates all: one picture shows one setting; --format html shows all, one at a time")

    @property
    def chosen_format(self) -> str:
        told = _told_by(self.out) if self.out else None
        return self.format or told or "svg"

    @property
    def asks_for_drawing(self) -> bool:
        """Whether a drawn format was requested, and is not only the default."""
        return self.chosen_format in DRAWN and bool(self.format or self.out)

    @property
    def file(self) -> Path | None:
        """Where the picture goes; None: to standard output."""
        if self.out:
            return None if self.out == STDOUT else self.out
        return Path(NAME + SUFFIXES[self.chosen_format][0]) if self.chosen_format in DRAWN else None

    @property
    def named(self) -> list[str]:
        """Losses that are requested by name."""
        return [name for name in listed(self.losses) if name not in (ALL, ENABLED)]

    @property
    def chosen_view(self) -> str:
        """A single loss is drawn in detail, unless --view says otherwise."""
        return self.view or (LOSS if len(self.named) == len(listed(self.losses)) == 1 else MODEL)

    @property
    def shows_all_settings(self) -> bool:
        """Whether the page has a picture for each setting."""
        alone = not (self.against or self.compare) and self.chosen_view != MATRIX
        return self.chosen_format == "html" and alone


def _told_by(path: Path) -> str | None:
    return next((format for format, endings in SUFFIXES.items() if path.suffix.lower() in endings), None)


@dataclass(frozen=True)
class Scene:
    """A subject at some settings, the one to show first."""

    subject: Subject
    settings: Sequence[GateValues]
    losses: Sequence[str] | None
    name: str
    """How it differs from the default: ``default``, ``my.toml, losses.jepa=0``."""


@dataclass(frozen=True)
class RenderPlan:
    """What will be drawn."""

    scene: Scene
    other: Scene | None
    """What it is compared with."""
    document: Path | None = None
    """What the picture is compared with."""


def render_plan(request: RenderRequest) -> RenderPlan:
    """Raises AuditError or UserError for a mistake in the request."""
    request.check()
    subject = request.subject.load()
    scene = _scene(request, subject)
    other = _other(request, subject, scene) if request.compare else None
    return RenderPlan(scene, other, _document(request, subject))


def _document(request: RenderRequest, subject: Subject) -> Path | None:
    if request.against is None or subject.config is None:
        return request.against
    return documented_table() if str(request.against) == DEFAULT else named_table(request.against)


def _scene(request: RenderRequest, subject: Subject) -> Scene:
    chosen = subject.gates([gate for gate in request.gates if gate != ALL])
    first = _defaults(subject) if isinstance(chosen, str) else chosen
    settings: list[Mapping[str, Any]] = [first]
    if request.shows_all_settings and (not request.gates or ALL in listed(request.gates)):
        every = [setting.values for setting in subject.target.settings(ALL)]
        settings += [values for values in every if values != first] if len(every) <= MOST_SETTINGS else []
    return Scene(subject, settings, _losses(request, subject), _name(request, subject, first))


def _losses(request: RenderRequest, subject: Subject) -> list[str] | None:
    """By default the enabled losses, where that is known."""
    if not request.losses and subject.config is not None:
        return subject.losses([ENABLED])
    return subject.losses(request.losses)


def _name(request: RenderRequest, subject: Subject, values: GateValues) -> str:
    options = request.subject
    given = [str(part) for part in (options.config, options.checkpoint) if part]
    gates = [f"{name}={value}" for name, value in values.items() if value != subject.own_gates[name]]
    return ", ".join([*given, *options.overrides, *gates]) or DEFAULT


def _defaults(subject: Subject) -> GateValues:
    return {name: values[0] for name, values in subject.target.gates.items()}


def _other(request: RenderRequest, subject: Subject, scene: Scene) -> Scene:
    """Another config, or the same trainer at other gates."""
    wanted = request.compare or ""
    if wanted != DEFAULT and "=" in wanted:
        values = subject.gates([wanted], "--compare")
        if isinstance(values, str):
            raise AuditError(f"--compare {wanted}: expected {DEFAULT}, a TOML file or GATE=VALUE")
        return Scene(subject, [values], scene.losses, wanted)
    if subject.config is None:
        if wanted != DEFAULT:
            raise AuditError(f"--compare {wanted}: for another trainer expected {DEFAULT} or GATE=VALUE")
        return Scene(subject, [_defaults(subject)], scene.losses, DEFAULT)
    config = None if wanted == DEFAULT else Path(wanted)
    if config and not config.exists():
        raise AuditError(f"--compare {wanted}: expected {DEFAULT}, a TOML file or GATE=VALUE, found no such file")
    other = SubjectOptions(config).load()
    return Scene(other, [other.own_gates], _losses(replace(request, compare=None), other), wanted)
