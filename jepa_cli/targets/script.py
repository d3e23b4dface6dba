"""A training script as the subject of a command: ``--script train.py -- its own arguments``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from audits import Audit, AuditError
from audits.errors import nearest
from audits.script.request import Script

ALL = "all"
RENAMED = re.compile(r"(?P<name>[^=]+)=(?P<file>.+):(?P<line>\d+)")


@dataclass(frozen=True)
class ScriptOptions:
    """The options about a script, as typed."""

    path: Path | None = None
    module: str | None = None
    arguments: Sequence[str] = ()
    steps: int = 1
    modules: Sequence[str] = ()
    losses: Sequence[str] = ()
    proof: bool = False

    def check(self, **others: object) -> None:
        """Raises AuditError for options that do not go together."""
        if self.path and self.module:
            raise AuditError("expected one of --script and --module, found both")
        if not (self.path or self.module):
            given = self.arguments[0] if self.arguments else "--modules, --steps"
            raise AuditError(f"{given}: only a script takes that: --script train.py -- its own arguments")
        if given := [option for option, value in others.items() if value]:
            raise AuditError(f"{self.option} runs as it is; leave out {', '.join(given)}")
        if self.steps < 1:
            raise AuditError(f"--steps {self.steps}: expected 1 or more")

    @property
    def option(self) -> str:
        return "--script" if self.path else "--module"

    @property
    def chosen(self) -> list[str]:
        """The losses that are asked for, those left out that only get a name."""
        return [text for text in self._texts if not RENAMED.fullmatch(text)]

    @property
    def _texts(self) -> list[str]:
        return [item.strip() for text in self.losses for item in text.split(",") if item.strip()]

    def request(self) -> Script:
        """Raises AuditError for a name without file and line."""
        renamed = {}
        for text in self._texts:
            if found := RENAMED.fullmatch(text):
                renamed[found["name"].strip()] = found["file"].strip(), int(found["line"])
            elif "=" in text:
                raise AuditError(f"--losses {text}: expected NAME, or NAME=FILE:LINE, such as kl=train.py:17")
        return Script(self.path, self.module or "", self.arguments, self.steps, self.modules, renamed)


def script_options(
    path: Path | None,
    module: str | None,
    arguments: Sequence[str] | None,
    steps: int | None,
    modules: Sequence[str] | None,
    losses: Sequence[str] | None,
    *,
    proof: bool = False,
) -> ScriptOptions | None:
    """None where nothing is asked of a script."""
    if not any((path, module, arguments, modules, proof, steps is not None)):
        return None
    return ScriptOptions(
        path, module, arguments or [], 1 if steps is None else steps, modules or [], losses or [], proof
    )


def narrowed(audit: Audit, names: Sequence[str]) -> Audit:
    """Some of the losses of a script; all, if none is named. Raises AuditError for one that it does not have."""
    chosen = [name for name in names if name != ALL]
    if not chosen:
        return audit
    if unknown := [name for name in chosen if name not in audit.losses]:
        raise AuditError("; ".join(f"there is no loss {name!r}: {nearest(name, audit.losses)}" for name in unknown))
    kept = tuple(name for name in audit.losses if name in chosen)
    flows = tuple(
        replace(flow, cells={pair: cell for pair, cell in flow.cells.items() if pair[0] in kept})
        for flow in audit.flows
    )
    return replace(audit, losses=kept, flows=flows)
