"""Runs a script as the interpreter does, in this process, until its optimizers have gone round."""

from __future__ import annotations

import os
import runpy
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager

import torch

from audits.dataflow.links import DataFlow
from audits.errors import AuditError
from audits.result import Audit
from audits.script.columns import Choice
from audits.script.endings import ended
from audits.script.request import Script
from audits.script.session import ScriptRun
from audits.script.stepping import Stepping


class Finished(BaseException):
    """Enough was seen. No Exception, which a script may catch."""


def run_script(
    script: Script,
    *,
    watchers: Sequence[AbstractContextManager[object]] = (),
    report: Callable[[Audit], None] | None = None,
    on_dataflow: Callable[[DataFlow], None] | None = None,
) -> Audit:
    """Run a script until its optimizers have gone round, and tell which of its losses updates which of its modules.

    `report` is called with the audit from inside of the script, as soon as enough was seen; it may end the process.
    `on_dataflow` is told what it computes from what, for a picture.

    Raises AuditError for a script that dies, or ends before it has gone backward.
    """
    choice = Choice.of(script.modules)

    def finish() -> None:
        stepping.measure(script.name, choice, script.renamed)
        if not (script.variation or stepping.is_enough()):
            return
        if report:
            report(stepping.audit())
        raise Finished

    session = ScriptRun(finish, script.steps, script.variation, on_dataflow)
    stepping = Stepping(session)
    with ExitStack() as stack:
        stack.enter_context(torch.autograd.set_detect_anomaly(torch.is_anomaly_enabled(), check_nan=False))
        stack.enter_context(_as_main(script))
        for watcher in watchers:
            stack.enter_context(watcher)
        stack.enter_context(stepping.watch)
        stack.enter_context(session.watching())
        _run(script, session, stepping)
        stepping.measure(script.name, choice, script.renamed)
    found = stepping.audit()
    if report:
        report(found)
    return found


def _run(script: Script, session: ScriptRun, stepping: Stepping) -> None:
    try:
        if script.path:
            runpy.run_path(str(script.path.absolute()), run_name="__main__")
        else:
            runpy.run_module(script.module, run_name="__main__", alter_sys=True)
    except Finished:
        return
    except AuditError:
        raise
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt) or not (stepping.is_measured or stepping.explains(error)):
            ended(error, script.name, has_gone_backward=bool(session.sent))
        stepping.measure(script.name, Choice.of(script.modules), script.renamed)
        if not (isinstance(error, SystemExit) or stepping.explains(error)):
            raised = type(error).__name__
            stepping.note(f"{script.name} raises {raised} in its second round: its steps are those before")


@contextmanager
def _as_main(script: Script) -> Iterator[None]:
    """`sys.argv` and `sys.path` as a script finds them."""
    argv, path = sys.argv, list(sys.path)
    first = str(script.path.resolve().parent) if script.path else os.getcwd()
    sys.argv = [str(script.path) if script.path else script.module, *script.arguments]
    sys.path.insert(0, first)
    try:
        yield
    finally:
        sys.argv = argv
        sys.path[:] = path
