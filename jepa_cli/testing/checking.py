"""One trainer compared with its document, the report as the command prints it."""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from audits import Audit, Comparison, Target, against, audit
from audits.contract import stays_complete, updated_texts
from audits.errors import UserError
from audits.files import write_file
from audits.script.process import audited
from audits.script.request import Script
from audits.unexpected_paths import with_routes
from jepa_cli.targets.foreign_target import foreign_target
from jepa_cli.testing.turns import one_at_a_time

WIDTH = 100


class Failed(Exception):
    """What the test shall fail with."""


@dataclass(frozen=True)
class Options:
    """What a test may ask for, as the options of the command.

    Attributes:
        settings: Which settings of the gates: ``"all"``, ``"default"``, or a list of mappings from gate to value.
        losses: Names of losses; None for all.
        complete: Whether what the document leaves out is a drift.
        strict: Whether a remark is a failure.
        arguments: What a script finds in `sys.argv`.
    """

    settings: str | Iterable[Mapping[str, Any]] = "all"
    losses: Collection[str] | None = None
    complete: bool = False
    strict: bool = False
    arguments: Iterable[str] = ()


def checked(
    trainer: Target | Callable[[], Target] | Path | str, table: Path, options: Options, *, root: Path, update: bool
) -> tuple[Comparison, bool]:
    """The comparison of a trainer with a document, and whether an update changed that.

    A script's path starts at `root`.

    Raises Failed with the report for a drift, and with one message for what cannot be audited.
    """
    try:
        found, target = _audit(trainer, options, root)
        written = _updated(found, table, options) if update else False
        comparison = against(found, table, complete=options.complete)
        comparison = replace(with_routes(target, comparison) if target else comparison, strict=options.strict)
    except UserError as error:
        raise Failed(f"{error}{_hint(table)}") from error
    if not comparison.passed:
        raise Failed(f"{shown(comparison)}\n--gradient-flow-update writes what was measured into {table.name}")
    return comparison, written


def shown(comparison: Comparison) -> str:
    """The report of a comparison, as on a terminal without colour."""
    from rich.console import Console

    from jepa_cli.audit.view import show

    text = io.StringIO()
    show(comparison, Console(file=text, width=WIDTH, color_system=None))
    return text.getvalue()


def _audit(trainer: Any, options: Options, root: Path) -> tuple[Audit, Target | None]:
    if isinstance(trainer, Path) or (isinstance(trainer, str) and ":" not in trainer):
        return audited(Script(root / trainer, arguments=list(options.arguments))), None
    target = foreign_target(trainer) if isinstance(trainer, str) else trainer
    target = target if isinstance(target, Target) else target()
    if not isinstance(target, Target):
        raise UserError(f"gradient_flow: expected an audits.Target, found {type(target).__name__}")
    return audit(target, settings=options.settings, losses=options.losses), target


def _updated(found: Audit, table: Path, options: Options) -> bool:
    """Whether the document or its lock file is another one now. Processes that update one document take turns."""
    with one_at_a_time(table):
        complete = options.complete or stays_complete(found, table)
        changed = False
        for path, text in updated_texts(found, table, complete=complete).items():
            if not path.exists() or path.read_bytes() != text.encode():
                changed = True
                write_file(path, text)
    return changed


def _hint(table: Path) -> str:
    return "" if table.exists() else "\n--gradient-flow-update writes one"
