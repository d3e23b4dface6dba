"""The process of a script: it runs, and what was found goes to a pipe as soon as enough was seen."""

from __future__ import annotations

import gc
import multiprocessing
import os
import pickle
import sys
import tempfile
from contextlib import suppress
from typing import Any

from audits.dataflow.links import DataFlow
from audits.errors import AuditError
from audits.result import Audit
from audits.script.request import Script
from audits.script.running import run_script

FAILED, FOUND = "failed", "found"


def main(pipe: int, script: Script) -> None:
    """Run a script and write what was found, or why nothing was, to a pipe. Ends the process."""

    gc.freeze()  # what there is by now is no part of a script: its modules are looked for among what it makes
    flows: list[DataFlow] = []

    def report(found: Audit) -> None:
        _send(pipe, FOUND, (found, flows[0] if flows else None))
        _end()

    try:
        run_script(script, report=report, on_dataflow=flows.append if script.is_drawn else None)
    except AuditError as error:
        _send(pipe, FAILED, str(error))
    except KeyboardInterrupt:
        pass
    _end()


def _send(pipe: int, kind: str, content: Any) -> None:
    with os.fdopen(pipe, "wb", closefd=False) as out:
        pickle.dump((kind, content), out)


def _end() -> None:
    """End at once: what a script does when it is told to stop, such as saving weights, is not for an audit to cause."""
    for worker in multiprocessing.active_children():
        worker.terminate()
    _remove_temporary_folders()
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    os._exit(0)


def _remove_temporary_folders() -> None:
    for value in gc.get_objects():
        if type(value) is tempfile.TemporaryDirectory:
            with suppress(OSError):
                value.cleanup()
