"""What `jepa audit-grads` is asked for, checked before anything is computed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audits import AuditError, Target
from audits.errors import nearest
from audits.formats import FORMATS
from jepa_cli.foreign_target import foreign_target
from jepa_cli.jepa_target import jepa_target, trained_target
from jepa_world_model.config_file import load_config, parse_value
from jepa_world_model.losses import LOSSES
from jepa_world_model.model_config import Config
from jepa_world_model.states import Gates

RICH = "rich"
TABLE = Path("docs") / "gradient_flow.md"
PROJECT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Request:
    """The options, as typed."""

    table: Path | None
    losses: Sequence[str]
    gates: Sequence[str]
    config: Path | None
    overrides: Sequence[str]
    checkpoint: Path | None
    target: str | None
    explain: str | None
    strength: bool
    format: str
    output: Path | None
    update: bool

    def check(self) -> None:
        """Raises AuditError for options that do not go together or name nothing."""
        if self.format not in (RICH, *FORMATS):
            raise AuditError(f"--format {self.format}: {nearest(self.format, (RICH, *FORMATS))}")
        self._check_what_is_audited()
        self._check_what_is_done()
        if self.output:
            _check_writable("--output", self.output)

    def _check_what_is_audited(self) -> None:
        others = {"--config": self.config, "--set": self.overrides, "--checkpoint": self.checkpoint}
        if self.target and any(others.values()):
            given = ", ".join(option for option, value in others.items() if value)
            raise AuditError(f"--target is another trainer, which {given} cannot configure; use its own function")
        if self.checkpoint and (self.config or self.overrides):
            raise AuditError("--checkpoint brings the config of its run; leave out --config and --set")

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
        if self.update and self.checkpoint:
            raise AuditError("--update writes what holds for every run; leave out --checkpoint")
        if self.update and self.target and not self.table:
            raise AuditError("--update needs to know what to write: --table FLOW.md")

    @property
    def asks_all_gates(self) -> bool:
        return list(self.gates) == ["all"] or not (self.gates or self.config or self.overrides or self.checkpoint)


@dataclass(frozen=True)
class Plan:
    """What will be audited."""

    target: Target
    settings: str | list[Mapping[str, Any]]
    losses: Collection[str] | None
    table: Path | None
    shape_matters: bool = True


def plan(request: Request) -> Plan:
    """Raises AuditError or UserError for whatever is wrong with the request."""
    request.check()
    if request.update:
        _check_writable("--table", request.table or TABLE)
    if request.target:
        return _foreign(request)
    config = load_config(request.config, request.overrides)
    if request.checkpoint:
        target, config = trained_target(request.checkpoint)
    else:
        target = jepa_target(config)
    names = _jepa_losses(request.losses, config)
    table = request.table or (TABLE if TABLE.exists() or request.update else PROJECT / TABLE)
    return Plan(target, _settings(request, target, config), names, table, shape_matters=not request.checkpoint)


def _foreign(request: Request) -> Plan:
    target = foreign_target(request.target or "")
    if "enabled" in request.losses:
        raise AuditError("--losses enabled: only the world model's config says which; name the losses, or leave it out")
    names = _listed(request.losses)
    return Plan(target, _settings(request, target, None), None if "all" in names else names or None, request.table)


def _settings(request: Request, target: Target, config: Config | None) -> str | list[Mapping[str, Any]]:
    if request.asks_all_gates:
        return "all"
    given = _listed(request.gates)
    if "all" in given or "default" in given:
        if len(given) > 1:
            raise AuditError(f"--gates: expected all, default or GATE=VALUE, found {', '.join(given)}")
        return given[0]
    own = vars(Gates.of(config.model, config.train)) if config else {}
    asked = [_gate(text, target) for text in given]
    names = [name for name, _ in asked]
    if doubled := [name for name in target.switches if names.count(name) > 1]:
        raise AuditError(f"--gates: expected one value for each gate, found {names.count(doubled[0])} for {doubled[0]}")
    return [{**own, **dict(asked)}]


def _gate(text: str, target: Target) -> tuple[str, Any]:
    name, equals, value = (part.strip() for part in text.partition("="))
    if not equals:
        raise AuditError(f"--gates {text}: expected all, default or GATE=VALUE, such as {_example(target)}")
    if name not in target.switches:
        known = nearest(name, target.switches) if target.switches else "this target has none"
        raise AuditError(f"--gates {text}: there is no gate {name!r}: {known}")
    for known in target.switches[name]:
        if value.lower() == str(known).lower() or parse_value(value) == known:
            return name, known
    values = ", ".join(map(str, target.switches[name]))
    raise AuditError(f"--gates {text}: {name} is one of {values}, found {value!r}")


def _example(target: Target) -> str:
    return next((f"{name}={values[-1]}" for name, values in target.switches.items()), "... (this target has no gate)")


def _listed(texts: Sequence[str]) -> list[str]:
    """Repeated options, each perhaps a list with commas."""
    return [item.strip() for text in texts for item in text.split(",") if item.strip()]


def _jepa_losses(texts: Sequence[str], config: Config) -> list[str] | None:
    """Names in the order of declaration; None for all."""
    asked = set(_listed(texts))
    if unknown := sorted(asked - set(LOSSES) - {"all", "enabled"}):
        raise AuditError("; ".join(f"--losses: there is no loss {name!r}: {nearest(name, LOSSES)}" for name in unknown))
    if not asked or "all" in asked:
        return None
    enabled = {loss.name for loss in config.enabled} if "enabled" in asked else set()
    return [name for name in LOSSES if name in asked | enabled]


def _check_writable(option: str, path: Path) -> None:
    """A folder, or a device that a file would take the place of, is found before anything is computed."""
    if path.is_dir():
        raise AuditError(f"{option} {path}: expected a file, found a folder: name a file in it")
    if path.exists() and not path.is_file():
        raise AuditError(f"{option} {path}: expected a file, found a device or a pipe: name a file, or leave it out")
    if not path.absolute().parent.is_dir():
        raise AuditError(f"{option} {path}: folder {path.parent} does not exist")
