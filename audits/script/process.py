"""A script in a process of its own, from the outside."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from audits.errors import AuditError
from audits.result import Audit
from audits.script.request import Script

HOME = str(Path(__file__).parents[2])
BEGIN = (
    "import sys; sys.path[0] = {home!r}; import audits.script.child as child; del sys.path[0]; "
    "import pickle; child.main({pipe}, pickle.loads({script!r}))"
)
RANK = "RANK"
"""Set by torchrun in each of its processes."""


def audited(script: Script, *, quiet: bool = False) -> Audit:
    """The audit of a script, which is `surveyed`."""
    return surveyed(script, quiet=quiet)[0]


def surveyed(script: Script, *, quiet: bool = False) -> tuple[Audit, Any]:
    """Run a script in its own process; what it prints goes to standard error, or nowhere if `quiet`.

    With what it computes from what, a `DataFlow`, if it is drawn.

    Raises AuditError for a script that cannot be found, dies, or ends before it has gone backward.
    """
    _check(script)
    reading, writing = os.pipe()
    begin = BEGIN.format(home=HOME, pipe=writing, script=pickle.dumps(script))
    flags = subprocess._args_from_interpreter_flags()  # pyright: ignore[reportAttributeAccessIssue]
    command = [sys.executable, *flags, "-c", begin]
    out, err = (subprocess.DEVNULL, subprocess.DEVNULL) if quiet else (2, None)
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, pass_fds=[writing])
    os.close(writing)
    try:
        with os.fdopen(reading, "rb") as pipe:
            kind, content = _received(pipe)
        code = process.wait()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    if kind == "found":
        return content
    raise AuditError(content or f"{script.name} {_how(code)} before an audit could be made")


def is_reporting() -> bool:
    """Whether this is the only process, or the first of several that torchrun started."""
    return os.environ.get(RANK, "0") == "0"


def _check(script: Script) -> None:
    if script.path and not script.path.is_file():
        what = "a folder" if script.path.is_dir() else "no such file"
        raise AuditError(f"--script {script.path}: {what}: expected the file of a training script")
    if script.module and not all(part.isidentifier() for part in script.module.split(".")):
        raise AuditError(f"--module {script.module}: expected a dotted name, such as package.train")


def _received(pipe: Any) -> tuple[str, Any]:
    try:
        return pickle.load(pipe)
    except EOFError:
        return "", None


def _how(code: int) -> str:
    if code < 0:
        return f"was ended by the signal {signal.Signals(-code).name}"
    return f"ended its process with exit code {code}"
