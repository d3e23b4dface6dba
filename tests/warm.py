"""Python that starts at once: forked from a process that has torch and the commands loaded.

A program that is run here is otherwise one of its own: with its own folder, arguments, modules and standard streams.
That the command starts from nothing is tried in `tests/cli` and `tests/package`.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
LOADED = (
    "audits.auditing",
    "audits.unexpected_paths",
    "jepa_cli.app",
    "jepa_cli.audit.run",
    "jepa_cli.audit.view",
    "jepa_cli.commands.audit_grads",
    "jepa_cli.render.run",
    "jepa_cli.train.run",
    "jepa_world_model.gradient_flow.target",
)
"""What most programs load."""


def run_python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What ``python ARGUMENTS`` prints and ends with in a folder: `-c CODE`, `-m MODULE` or a script first."""
    return start_python(folder, *arguments).end()


def start_python(folder: Path, *arguments: str) -> Started:
    """The same, which runs until it is asked for its end."""
    streams = tempfile.TemporaryDirectory()
    pid = _asked({"folder": str(folder), "arguments": arguments, "streams": streams.name})
    return Started(pid, arguments, streams)


@dataclass(frozen=True)
class Started:
    """A program that runs."""

    pid: int
    _arguments: Sequence[str]
    _streams: tempfile.TemporaryDirectory[str]

    def end(self) -> subprocess.CompletedProcess[str]:
        """Wait for its end."""
        code = _asked({"pid": self.pid})
        with self._streams as streams:
            output, errors = ((Path(streams) / name).read_text(encoding="utf-8") for name in ("out", "err"))
        return subprocess.CompletedProcess([*self._arguments], code, output, errors)


def _asked(request: dict[str, Any]) -> int:
    server = _server()
    assert server.stdin is not None
    assert server.stdout is not None
    server.stdin.write(json.dumps(request) + "\n")
    server.stdin.flush()
    return int(server.stdout.readline())


@cache
def _server() -> subprocess.Popen[str]:
    """One for each process that runs tests."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "80", "OMP_NUM_THREADS": "1"}
    environment |= {"PYTHONIOENCODING": "utf-8", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "tests.warm"]
    server = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    )
    atexit.register(server.communicate)  # it ends with its input
    return server


def _serve() -> None:
    """Fork a process where one is asked for, and answer with its number; or with the exit code of one."""
    for module in LOADED:
        import_module(module)
    gc.freeze()
    for line in sys.stdin:
        request = json.loads(line)
        if "pid" in request:
            print(os.waitstatus_to_exitcode(os.waitpid(request["pid"], 0)[1]), flush=True)
            continue
        pid = os.fork()
        if not pid:
            signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
            gc.unfreeze()
            os._exit(_carried_out(**request))
        print(pid, flush=True)


def _carried_out(folder: str, arguments: list[str], streams: str) -> int:
    """The exit code of a program that writes to files."""
    os.chdir(folder)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(os.path.join(streams, name), os.O_WRONLY | os.O_CREAT), number)
    code = _ended(lambda: _execute(folder, arguments))
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def _execute(folder: str, arguments: list[str]) -> None:
    first, *rest = arguments
    is_option = first in ("-c", "-m")
    sys.path[0] = folder if is_option else str(Path(first).resolve().parent)
    if not is_option:
        sys.argv = arguments
        runpy.run_path(first, run_name="__main__")
    elif first == "-m":
        sys.argv = rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv = ["-c", *rest[1:]]
        exec(compile(rest[0], "<string>", "exec"), {"__name__": "__main__"})


def _ended(program: Callable[[], None]) -> int:
    try:
        program()
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
            return 1
        return end.code or 0
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    _serve()
