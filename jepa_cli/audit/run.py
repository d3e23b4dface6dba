"""Carries out an audit that was asked for on the command line."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from audits import Audit, AuditError
from audits.contract import Comparison, against, compare, diff, stays_complete, updated_texts
from audits.files import write_file
from audits.formats import FORMATS
from audits.formats.wording import verdict
from jepa_cli.audit.choices import RICH
from jepa_cli.audit.request import Plan, Request, plan
from jepa_cli.audit.script import found_in_script
from jepa_cli.targets.documents import say_which
from jepa_cli.targets.foreign_output import printed_to_stderr
from jepa_cli.terminal.progress import counted
from jepa_cli.terminal.safe_text import safe

if TYPE_CHECKING:
    from rich.console import Console


def run_audit(request: Request) -> bool:
    """Audit and report. Returns whether all is as documented."""
    with printed_to_stderr():
        asked = plan(request)
    if request.strength:
        return _strength(request, asked)
    found = _audit(request, asked)
    if found is None:
        return True
    if request.explain:
        return _explain(request, asked, found)
    if request.update:
        _update(request, asked, found)
    with printed_to_stderr():
        comparison = replace(_with_routes(asked, _compared(request, asked, found)), strict=request.strict)
    say_which(asked.table, request.table)
    if request.format == RICH:
        _show(request, asked, comparison)
    else:
        _write(request, FORMATS[request.format](comparison))
    if request.output:
        print(safe(f"{request.output}: {verdict(comparison)}"), file=sys.stderr)
    return comparison.passed


def _show(request: Request, asked: Plan, comparison: Comparison) -> None:
    from jepa_cli.audit.view import show, show_table

    with _console(request) as console:
        if asked.table:
            show(comparison, console)
        else:
            show_table(comparison, console)
            console.print("no table to compare with: --table FLOW.md --update writes one", soft_wrap=True)


def _explain(request: Request, asked: Plan, found: Audit) -> bool:
    from jepa_cli.audit.view import explain

    loss, module = _pair(request.explain or "")
    with _console(request) as console:
        explain(found, loss, module, console)
        if asked.target is None:
            return True
        from audits.paths import trace

        with printed_to_stderr():
            path = trace(asked.target, found.flows[0].setting, [(loss, module)]).get((loss, module))
        if path:
            console.print("shortest path of the gradient:")
            for place in path.places:
                console.print(safe(f"  {place}  {place.function}"), soft_wrap=True, highlight=False, markup=False)
            console.print(safe(f"  {path.parameter}"), soft_wrap=True, highlight=False, markup=False)
    return True


def _pair(text: str) -> tuple[str, str]:
    """The loss and the module of ``--explain LOSS:MODULE``."""
    loss, _, module = text.partition(":")
    return loss, module


def _strength(request: Request, asked: Plan) -> bool:
    from audits.mutation import mutation_test
    from jepa_cli.audit.mutation_view import mutants_json, show_mutants

    assert asked.target is not None
    settings = asked.target.settings(asked.settings)
    with counted("breaking the routing", len(settings), "gate settings") as done, printed_to_stderr():
        mutants = mutation_test(asked.target, settings, on_progress=lambda finished, _: done(finished))
    if request.format == RICH:
        with _console(request) as console:
            show_mutants(mutants, console)
    else:
        _write(request, mutants_json(mutants))
    return not any(mutant.is_hole for mutant in mutants)


def _update(request: Request, asked: Plan, found: Audit) -> None:
    """Write table and lock file, each whole or not at all, and show what changed; beside a report on standard error."""
    out = sys.stdout if request.format == RICH and not request.output else sys.stderr
    if asked.table is None:
        raise AuditError("--update needs to know what to write: --table FLOW.md")
    complete = request.complete or stays_complete(found, asked.table)
    texts = updated_texts(found, asked.table, complete=complete)
    changed = False
    for path, new in texts.items():
        old = path.read_bytes().decode() if path.exists() else ""  # line endings as they are
        if new != old:
            changed = True
            print(safe(diff(path, old, new)), end="", file=out)
            write_file(path, new)
    print(safe(f"{asked.table}: written" if changed else f"{asked.table}: nothing to change"), file=sys.stderr)


def _write(request: Request, text: str) -> None:
    if request.output:
        write_file(request.output, text)
    else:
        sys.stdout.write(safe(text if text.endswith("\n") else text + "\n"))


@contextmanager
def _console(request: Request) -> Iterator[Console]:
    """The terminal, or the file that --output names, 100 columns wide and without colour."""
    from rich.console import Console

    if request.output is None:
        yield Console()
        return
    text = io.StringIO()
    yield Console(file=text, width=100, color_system=None)
    write_file(request.output, text.getvalue())


def _with_routes(asked: Plan, comparison: Comparison) -> Comparison:
    """With the path of each unexpected gradient, where the trainer can run once more."""
    if asked.target is None:
        return comparison
    from audits import with_routes

    return with_routes(asked.target, comparison)


def _audit(request: Request, asked: Plan) -> Audit | None:
    """None for a process that is not the one that reports."""
    if asked.target is None:
        return found_in_script(request)
    from audits import audit

    settings = asked.target.settings(asked.settings)
    with counted("auditing", len(settings), "gate settings") as done, printed_to_stderr():
        return audit(
            asked.target,
            settings=asked.settings,
            losses=asked.losses,
            cosines=request.format == "json",
            derivatives=[_pair(request.explain)] if request.explain else (),
            on_progress=lambda finished, _: done(finished),
        )


def _compared(request: Request, asked: Plan, found: Audit) -> Comparison:
    if asked.table is None:
        return compare(found, None, None)
    return against(found, asked.table, shape_matters=asked.shape_matters, complete=request.complete)
