"""A training script as the subject of a command: ``--script train.py -- its own arguments``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from audits import AuditError
from audits.script.request import Script

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
