"""What reads or keeps the output of a command may break without breaking the command."""

import os
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from jepa_cli.terminal.standard_streams import calm, refusal
from jepa_cli.train.view import TrainingView


def closed_pipe() -> int:
    """A descriptor that somebody reads no more."""
    read, write = os.pipe()
    os.close(read)
    return write


def test_a_closed_pipe_is_quiet() -> None:
    with os.fdopen(closed_pipe(), "w") as pipe:
        stream, outlet = calm(pipe, pipe.fileno())
        print("text" * 10_000, file=stream, flush=True)
        assert outlet
        assert outlet.refusal is None


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
def test_a_full_disk_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with open("/dev/full", "w") as full:
        stream, outlet = calm(full, full.fileno())
        monkeypatch.setattr(sys, "stdout", stream)
        print("text")
        assert refusal(outlet) == "standard output cannot be written: No space left on device"


def test_a_stream_that_was_never_open_takes_everything() -> None:
    stream, outlet = calm(None, 1)
    with stream:
        assert stream.write("text") == 4
    assert refusal(outlet) == ""


def test_names_that_are_no_text_are_shown_as_escapes(tmp_path: Path) -> None:
    with (tmp_path / "out").open("w", encoding="utf-8") as file:
        stream, _ = calm(file, file.fileno())
        print(os.fsdecode(b"b\xff"), file=stream, flush=True)
    assert (tmp_path / "out").read_text() == "b\\udcff\n"


def run_jepa(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """A line of a shell, in which `jepa` is the command."""
    line = f'set -o pipefail; jepa() {{ "{sys.executable}" -m jepa_cli "$@"; }}; {line}'
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.run(["bash", "-c", line], cwd=folder, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("line", "code", "error"),
    [
        ("jepa runs --help | head -c 1 > /dev/null", 0, ""),
        ("jepa runs . >&-", 0, ""),
        ("jepa runs . > /dev/full", 2, "Error: standard output cannot be written: No space left on device\n"),
    ],
)
def test_the_exit_code_is_that_of_the_command(line: str, code: int, error: str, tmp_path: Path) -> None:
    ended = run_jepa(line, tmp_path)
    assert (ended.returncode, ended.stderr) == (code, error)


def test_a_narrow_terminal_has_room_for_a_message() -> None:
    text = StringIO()
    TrainingView(Console(file=text, width=10)).on_warning("something is not as expected")
    assert "something is not as" in " ".join(text.getvalue().split())
