"""How a script may end before its optimizers have gone round, in words."""

from __future__ import annotations

import traceback

from audits.errors import AuditError
from audits.recording.source_lines import HERE

SHOWN = 6
"""Last lines of a traceback that are shown."""


def ended(error: BaseException, name: str, *, has_gone_backward: bool) -> None:
    """Raises AuditError that says how, unless the script ended well after it had gone backward."""
    if isinstance(error, SystemExit):
        if has_gone_backward and error.code in (None, 0):
            return
        told = f"{name} exits with {_code(error)} before it has taken a step"
        hint = ": what stands after -- is given to it as arguments" if error.code == 2 else ""
        raise AuditError(told + hint) from error
    if isinstance(error, KeyboardInterrupt):
        raise error
    if isinstance(error, EOFError) and _reads_input(error):
        raise AuditError(f"{name} reads from standard input, where an audit has nothing for it") from error
    raise AuditError(f"{name} raises {type(error).__name__}:\n{last_lines(error)}") from error


def last_lines(error: BaseException) -> str:
    """The end of its traceback, without the lines of the audit."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not _is_ours(frame.filename)]
    told = [*traceback.format_list(frames), *traceback.format_exception_only(error)]
    lines = "".join(told).rstrip().splitlines()
    return "\n".join(f"  {line}" for line in lines[-SHOWN:])


def _is_ours(file: str) -> bool:
    return file.startswith((HERE, "<frozen runpy"))


def _code(error: SystemExit) -> str:
    if error.code in (None, 0):
        return "code 0"
    return f"code {error.code}" if isinstance(error.code, int) else f"the message {error.code!r:.200}"


def _reads_input(error: EOFError) -> bool:
    return "reading a line" in str(error)
