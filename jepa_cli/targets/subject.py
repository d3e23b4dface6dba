"""The subject of the commands about gradients: the world model of a config or of a run, or another trainer."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audits import AuditError
from audits.errors import nearest
from jepa_cli.targets.script import ScriptOptions
from jepa_cli.terminal.loading import loading

if TYPE_CHECKING:
    from audits import Target
    from jepa_world_model.model_config import Config

ALL, DEFAULT, ENABLED = "all", "default", "enabled"

GateValues = Mapping[str, Any]


@dataclass(frozen=True)
class SubjectOptions:
    """The options that choose what is audited or drawn, as typed."""

    config: Path | None = None
    overrides: Sequence[str] = ()
    checkpoint: Path | None = None
    target: str | None = None
    script: ScriptOptions | None = None

    def check(self) -> None:
        """Raises AuditError for options that do not go together."""
        others = {"--config": self.config, "--set": self.overrides, "--checkpoint": self.checkpoint}
        if self.target is not None and any(others.values()):
            given = ", ".join(option for option, value in others.items() if value)
            raise AuditError(f"--target is another trainer, which {given} cannot configure; use its own function")
        if self.script:
            self.script.check(**{**others, "--target": self.target})
        if self.checkpoint and (self.config or self.overrides):
            raise AuditError("--checkpoint brings the config of its run; leave out --config and --set")

    @property
    def has_config(self) -> bool:
        """Whether the gates of a config are asked for, and not those that are the project's default."""
        return bool(self.config or self.overrides or self.checkpoint)

    def load(self) -> Subject:
        """Raises AuditError or UserError for what names nothing. Another trainer is loaded without the world model."""
        if self.target is not None:
            with loading():
                import audits.auditing
                from jepa_cli.targets.foreign_target import foreign_target

            return Subject(foreign_target(self.target))
        with loading():
            import audits.auditing  # noqa: F401
            from jepa_cli.targets.world_model import configured, trained

        return trained(self.checkpoint) if self.checkpoint else configured(self.config, self.overrides)


@dataclass(frozen=True)
class Subject:
    """Another trainer than the world model."""

    target: Target

    @property
    def config(self) -> Config | None:
        """None: another trainer than the world model."""
        return None

    def losses(self, texts: Sequence[str]) -> list[str] | None:
        """Names in the order of declaration; None for all. Raises AuditError for one that is known to be unknown."""
        names = listed(texts)
        if ENABLED in names:
            raise AuditError(
                "--losses enabled: only the world model's config says which; name the losses, or leave it out"
            )
        return None if ALL in names else names or None

    @property
    def own_gates(self) -> GateValues:
        """Those of the config, or of a trainer's defaults."""
        return {name: values[0] for name, values in self.target.gates.items()}

    def gates(self, texts: Sequence[str], option: str = "--gates") -> str | GateValues:
        """``"all"``, ``"default"``, or the own gates with those changed that are given as GATE=VALUE.

        Raises AuditError for anything else.
        """
        given = listed(texts)
        if ALL in given or DEFAULT in given:
            if len(given) > 1:
                raise AuditError(f"{option}: expected all, default or GATE=VALUE, found {', '.join(given)}")
            return given[0]
        asked = [self._gate(text, option) for text in given]
        names = [name for name, _ in asked]
        if doubled := [name for name in self.target.gates if names.count(name) > 1]:
            found = names.count(doubled[0])
            raise AuditError(f"{option}: expected one value for each gate, found {found} for {doubled[0]}")
        return {**self.own_gates, **dict(asked)}

    def _gate(self, text: str, option: str) -> tuple[str, Any]:
        gates = self.target.gates
        name, equals, value = (part.strip() for part in text.partition("="))
        if not equals:
            raise AuditError(f"{option} {text}: expected all, default or GATE=VALUE, such as {self._example()}")
        if name not in gates:
            known = nearest(name, gates) if gates else "this target has none"
            raise AuditError(f"{option} {text}: there is no gate {name!r}: {known}")
        for known in gates[name]:
            if value.lower() == str(known).lower() or _parsed(value) == known:
                return name, known
        values = ", ".join(map(str, gates[name]))
        raise AuditError(f"{option} {text}: {name} is one of {values}, found {value!r}")

    def _example(self) -> str:
        examples = (f"{name}={values[-1]}" for name, values in self.target.gates.items())
        return next(examples, "... (this target has no gate)")


def _parsed(text: str) -> Any:
    """A value as Python writes it; what is none is a text."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text


def listed(texts: Sequence[str]) -> list[str]:
    """Repeated options, each perhaps a list with commas."""
    return [item.strip() for text in texts for item in text.split(",") if item.strip()]
