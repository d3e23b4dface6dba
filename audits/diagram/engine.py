"""Graphviz: the engine that comes with the package `pygraphviz`, or else a `dot` on the PATH."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from audits.errors import AuditError

FORMATS = ("svg", "png", "pdf")
PIXELS_PER_INCH = 144
INSTALL = "pip install pygraphviz, or install Graphviz so that dot is on the PATH"
SECONDS = 120
DATE = re.compile(rb"/CreationDate \(D:[^)]*\)")


def is_available() -> bool:
    """Whether there is an engine at all."""
    return bool(_package() or shutil.which("dot"))


def drawn(source: str, format: str) -> bytes:
    """A graph as "svg", "png" or "pdf"; the same bytes each time. Raises AuditError when the engine fails."""
    options = {"dpi": str(PIXELS_PER_INCH)} if format == "png" else {}
    if package := _package():
        image = _by_package(package, source, format, options)
    elif dot := shutil.which("dot"):
        image = _by_command(dot, source, format, options)
    else:
        raise AuditError(f"drawing {format} needs Graphviz: {INSTALL}")
    return _undated(image) if format == "pdf" else image


def _package() -> Any:
    """The class of pygraphviz that draws; None where it is not installed, or lacks a library of the system."""
    try:
        from pygraphviz import AGraph
    except (ImportError, OSError):
        return None
    return AGraph


def _by_package(package: Any, source: str, format: str, options: dict[str, str]) -> bytes:
    with _captured_errors() as said:
        try:
            graph = package(string=source)
            graph.graph_attr.update(options)
            graph.layout("dot")
            image = graph.draw(format=format)
            if "Error:" in said():  # it goes on, with another label than was asked for
                raise ValueError("a part of the graph was left out")
        except Exception as error:  # a C library behind a thin binding: OSError, ValueError, exceptions of its own
            raise AuditError(f"Graphviz could not draw {format}: {_reason(said(), str(error))}") from error
    if not image:
        raise AuditError(f"Graphviz could not draw {format}: {_reason(said(), 'it gave nothing')}")
    return image


def _by_command(dot: str, source: str, format: str, options: dict[str, str]) -> bytes:
    command = [dot, f"-T{format}", *(f"-G{name}={value}" for name, value in options.items())]
    try:
        run = subprocess.run(command, input=source.encode(), capture_output=True, timeout=SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise AuditError(f"Graphviz could not draw {format}: {error}") from error
    if run.returncode or not run.stdout:
        said = run.stderr.decode(errors="replace")
        raise AuditError(f"Graphviz could not draw {format}: {_reason(said, f'{dot} ended with {run.returncode}')}")
    return run.stdout


def _reason(said: str, otherwise: str) -> str:
    """What the engine said, without its remarks on fonts."""
    lines = [line.strip() for line in said.splitlines() if line.strip() and not line.startswith("Fontconfig")]
    return lines[0] if lines else otherwise


def _undated(pdf: bytes) -> bytes:
    """Without the time at which it was made; each byte stays at its offset."""
    return DATE.sub(lambda date: re.sub(rb"\d", b"0", date[0]), pdf)


@contextmanager
def _captured_errors() -> Iterator:
    """What C code writes to standard error inside, instead of on the terminal."""
    with suppress(OSError, ValueError):
        sys.stderr.flush()
    with tempfile.TemporaryFile() as file:
        kept = os.dup(2)
        os.dup2(file.fileno(), 2)

        def said() -> str:
            file.seek(0)
            return file.read().decode(errors="replace")

        try:
            yield said
        finally:
            os.dup2(kept, 2)
            os.close(kept)
