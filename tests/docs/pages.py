"""A page of the documentation, carried out as a reader would: files written, edits made, commands run."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import typer

from jepa_cli.app import app
from tests.warm import run_python

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ELISION = "..."
COMMANDS = tuple(typer.main.get_command(app).commands)  # pyright: ignore[reportAttributeAccessIssue]
SHOWN = ("audit-grads", "render-flow", "check-weights", "train")
"""Those whose output the pages show and the tests repeat."""
MENTION = re.compile(rf"(?:\$ |    |.*(?:run|script): |\s*)jepa ((?:{'|'.join(COMMANDS)})(?:\s[^`]*)?)$")
INLINE = re.compile(rf"`jepa ((?:{'|'.join(COMMANDS)})\s[^`]+)`")


@dataclass(frozen=True)
class Block:
    """What stands between two fences."""

    page: str
    line: int
    language: str
    text: str

    @property
    def file(self) -> str | None:
        """The name in a first line such as ``# my_trainer.py``: the block belongs into this file."""
        match = re.match(r"# ([\w/]+\.py)\n", self.text)
        return match[1] if match else None

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


@dataclass(frozen=True)
class Shown:
    """A command as the page shows it, and what it really did."""

    lines: list[str]
    printed: list[str]
    code: int
    after_edit: bool


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [Block(page.name, text[: m.start()].count("\n") + 1, m[1], m[2]) for m in FENCE.finditer(text)]


def commands(page: Path) -> Iterator[tuple[int, list[str]]]:
    """Every mention of a command with its arguments, in fences and between backticks, with its line."""
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        whole = MENTION.match(line)
        for text in INLINE.findall(line) or ([whole[1]] if whole else []):
            yield number, shlex.split(re.split("[;>]", text)[0], comments=True)


def shows_output(block: Block) -> bool:
    """Whether a block is a session on a terminal that can be repeated."""
    return block.language == "console" and any(f"$ jepa {command}" in block.text for command in SHOWN)


def carried_out(page: Path, folder: Path) -> dict[Block, list[Shown]]:
    """The console blocks of a page with what their commands do in `folder`, in the order of the page.

    Python blocks that name a file are written there. A diff holds for the next console block only.
    """
    found, edits = {}, dict[Path, str]()
    for block in blocks(page):
        if block.language == "python" and block.file:
            with (folder / block.file).open("a", encoding="utf-8") as file:
                file.write(block.text)
        elif block.language == "diff":
            file, before = _edit(block, folder)
            edits[file] = before
        elif shows_output(block):
            found[block] = [_run(command, folder, after_edit=bool(edits)) for command in _with_output(block)]
            for file, before in edits.items():
                file.write_text(before, encoding="utf-8")
            edits.clear()
    return found


def missing_from(shown: list[str], printed: list[str]) -> list[str]:
    """The first run of shown lines that is not printed where it should be; empty when all are.

    Runs are parted by lines of three dots. Without dots before the first or after the last, that one is at the end.
    """
    text = "".join(f"{line}\n" for line in shown)
    runs = [run.splitlines() for run in re.split(rf"^{re.escape(ELISION)}\n", text, flags=re.MULTILINE)]
    start = 0
    for number, run in enumerate(runs):
        last = number == len(runs) - 1
        places = [at for at in range(start, len(printed) - len(run) + 1) if printed[at : at + len(run)] == run]
        places = [at for at in places if (number or not at) and (not last or not run or at + len(run) == len(printed))]
        if not places:
            return run or ["(nothing)"]
        start = places[0] + len(run)
    return []


def _with_output(block: Block) -> list[list[str]]:
    """Each command of a console block with the lines below it."""
    sessions: list[list[str]] = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            sessions.append([line.removeprefix("$ ")])
        else:
            sessions[-1].append(line)
    return sessions


def _run(session: list[str], folder: Path, *, after_edit: bool) -> Shown:
    program, *arguments = shlex.split(session[0])
    assert program == "jepa"
    run = run_python(folder, "-m", "jepa_cli", *arguments)
    lines = (run.stdout or run.stderr).splitlines()
    return Shown(session[1:], [line.rstrip() for line in lines], run.returncode, after_edit)


def _edit(block: Block, folder: Path) -> tuple[Path, str]:
    """Make the edit of a diff; the file and what it was before."""
    head, *lines = block.text.splitlines()
    file = folder / head.removeprefix("--- ")
    before = file.read_text(encoding="utf-8")
    old, new = ("".join(f"{line[1:]}\n" for line in lines if line[0] in kept) for kept in (" -", " +"))
    assert before.count(old) == 1, f"{block}: the file does not have\n{old}"
    file.write_text(before.replace(old, new), encoding="utf-8")
    return file, before
