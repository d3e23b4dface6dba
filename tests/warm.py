"""Python that starts at once: forked from a process that has torch and the commands loaded.

A program that is run here is otherwise one of its own: with its own folder, arguments, modules and standard streams.
That the command starts from nothing is tried in `tests/cli` and `tests/package`.
"""

from __future__ import annotations

import atexit
import json
import os
import runpy
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]


def run_python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What ``python ARGUMENTS`` prints and ends with in a folder: `-c CODE`, `-m MODULE` or a script first."""
    with tempfile.TemporaryDirectory() as streams:
        request = {"folder": str(folder), "arguments": arguments, "streams": streams}
        server = _server()
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(json.dumps(request) + "\n")
        server.stdin.flush()
        code = int(server.stdout.readline())
        output, errors = ((Path(streams) / name).read_text(encoding="utf-8") for name in ("out", "err"))
    return subprocess.CompletedProcess([*arguments], code, output, errors)


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
    """Fork a process for each request, and answer with its exit code."""
    import jepa_world_model.gradient_flow.target  # noqa: F401

    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            os._exit(_carried_out(**json.loads(line)))
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


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
