"""Standard output and standard error that never end a command.

Somebody may close the pipe or the terminal that a command writes to, as `head` does: what is written from then on is
dropped, and the command ends as it would have, its exit code included. Where the system refuses for another reason,
such as a full disk, that is said once, at the end.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from typing_extensions import Buffer

CLOSED = (errno.EPIPE, errno.EIO)
"""What a closed pipe and a closed terminal answer."""


class Outlet(io.FileIO):
    """A descriptor; writing to it never raises."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self.refusal: OSError | None = None
        """Why the system took no more, if nobody has closed the other end."""

    def write(self, data: Buffer, /) -> int:
        try:
            return super().write(data) or 0
        except BlockingIOError:
            raise
        except OSError as error:
            if error.errno not in CLOSED:
                self.refusal = self.refusal or error
            return memoryview(data).nbytes


def calm(stream: TextIO | None, descriptor: int) -> tuple[TextIO, Outlet | None]:
    """The same stream through an Outlet. For a stream that was closed before the command began: one that drops all.

    Letters that its encoding does not have, and names of files that are no text, are shown as escapes.
    """
    if stream is None:
        return open(os.devnull, "w"), None
    outlet = Outlet(descriptor)
    errors = "backslashreplace" if stream.errors in (None, "strict") else stream.errors
    text = io.TextIOWrapper(
        io.BufferedWriter(outlet), stream.encoding, errors, line_buffering=getattr(stream, "line_buffering", False)
    )
    return text, outlet


def calm_standard_streams() -> Outlet | None:
    """Put both in place of those of the process. Returns the outlet of standard output."""
    sys.stdout, outlet = calm(sys.stdout, 1)
    sys.stderr, _ = calm(sys.stderr, 2)
    sys.__stdout__, sys.__stderr__ = sys.stdout, sys.stderr  # pyright: ignore[reportAttributeAccessIssue]
    return outlet


def refusal(outlet: Outlet | None) -> str:
    """Why not all of standard output was written; empty if it was, or nobody listens."""
    if outlet is None:
        return ""
    sys.stdout.flush()
    if outlet.refusal is None:
        return ""
    return f"standard output cannot be written: {outlet.refusal.strerror or outlet.refusal}"
