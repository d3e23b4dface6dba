"""What `jepa audit-grads` is asked for, checked before anything is computed."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audits import AuditError, Target
from audits.errors import nearest
from audits.formats import FORMATS
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
        others = {"--config": self.config, "--set": self.overrides, "--checkpoint": self.checkpoint}
        if self.target and any(others.values()):
            given = ", ".join(option for option, value in others.items() if value)
            raise AuditError(f"--target is another trainer, which {given} cannot configure; use its own function")
        if self.checkpoint and (self.config or self.overrides):
            raise AuditError("--checkpoint brings the config of its run; leave out --config and --set")
        if (self.strength or self.explain) and self.format not in (RICH, "json"):
            raise AuditError(f"--strength and --explain report as rich or json, found --format {self.format}")
        if self.output and not self.output.absolute().parent.is_dir():
            raise AuditError(f"--output {self.output}: folder {self.output.parent} does not exist")

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
    target = _load(request.target or "")
    if "enabled" in request.losses:
        raise AuditError("--losses enabled: only the world model's config says which; name the losses, or leave it out")
    names = _listed(request.losses)
    return Plan(target, _settings(request, target, None), None if names in ([], ["all"]) else names, request.table)


def _settings(request: Request, target: Target, config: Config | None) -> str | list[Mapping[str, Any]]:
    if request.asks_all_gates:
        return "all"
    given = _listed(request.gates)
    if "all" in given or "default" in given:
        if len(given) > 1:
            raise AuditError(f"--gates: expected all, default or GATE=VALUE, found {', '.join(given)}")
        return given[0]
    own = vars(Gates.of(config.model, config.train)) if config else {}
    return [{**own, **dict(_gate(text, target) for text in given)}]


def _gate(text: str, target: Target) -> tuple[str, Any]:
    name, equals, value = (part.strip() for part in text.partition("="))
    if not equals:
        raise AuditError(f"--gates {text}: expected all, default or GATE=VALUE, such as {_example(target)}")
    if name not in target.switches:
        raise AuditError(f"--gates {text}: there is no gate {name!r}: {nearest(name, target.switches)}")
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
    if unknown := asked - set(LOSSES) - {"all", "enabled"}:
        raise AuditError("; ".join(f"--losses: there is no loss {name!r}: {nearest(name, LOSSES)}" for name in unknown))
    if not asked or "all" in asked:
        return None
    enabled = {loss.name for loss in config.enabled} if "enabled" in asked else set()
    return [name for name in LOSSES if name in asked | enabled]


def _load(reference: str) -> Target:
    """The target that ``package.module:function`` returns; the current folder is looked in first."""
    module_name, colon, function_name = reference.partition(":")
    if not (module_name and colon and function_name):
        raise AuditError(f"--target {reference}: expected package.module:function, such as my_trainer:audit_target")
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise AuditError(f"--target {reference}: {module_name} cannot be imported: {error}") from error
    except SyntaxError as error:
        raise AuditError(f"--target {reference}: {error.filename}:{error.lineno}: {error.msg}") from error
    function = getattr(module, function_name, None)
    if not callable(function):
        known = [name for name, value in vars(module).items() if callable(value) and not name.startswith("_")]
        raise AuditError(
            f"--target {reference}: {module_name} has no function {function_name!r}: "
            f"{nearest(function_name, known) if known else 'it has none'}"
        )
    target = function()
    if not isinstance(target, Target):
        raise AuditError(f"--target {reference}: expected an audits.Target, found {type(target).__name__}")
    return target
