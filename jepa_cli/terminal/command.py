"""What every command shares: examples in its help, one clear message for a mistake, and an exit code."""

import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from inspect import cleandoc
from itertools import pairwise
from typing import Any, NoReturn, ParamSpec, TypeVar

import typer
from typer.core import TyperCommand, TyperGroup

from jepa_cli.terminal.interruption import was_interrupted
from jepa_cli.terminal.safe_text import safe, usage_shown_safely

BAD_INPUT = 2
MISTAKE = ("audits.errors", "UserError")
"""The exception that is shown without a traceback, AuditError included."""
EMPTY = re.compile(r"(--[\w-]+=)?\s*")
"""``''`` and ``--option=``."""
ASKED = re.compile(r"tried to allocate (\d+) bytes")
"""torch, of a tensor."""

P = ParamSpec("P")
R = TypeVar("R")


class Command(TyperCommand):
    """A command that refuses empty values: in a script they come from variables that are not set."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not ctx.resilient_parsing:
            _refuse_empty(args)
        with usage_shown_safely():
            return super().parse_args(ctx, args)


class CommandGroup(TyperGroup):
    """A command with commands below it."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        for flag in self.get_params(ctx):
            if getattr(flag, "is_flag", False) and flag.default is None:
                flag.default = False  # typer loads pydantic to see that None is no bool
        with usage_shown_safely():
            return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        with usage_shown_safely():
            return super().resolve_command(ctx, args)


def _refuse_empty(args: Sequence[str]) -> None:
    for previous, text in pairwise(["", *args]):
        if EMPTY.fullmatch(text):
            option = text.strip().rstrip("=") or (previous if previous.startswith("--") else "")
            where = f"{option}: expected a value, found an empty one" if option else "an argument is empty"
            fail(f"{where}: is a variable of the shell not set?", BAD_INPUT)


def reports_user_errors(command: Callable[P, R]) -> Callable[P, R]:
    """A command whose UserError becomes a message and exit code 2. Every other exception is a bug."""

    @wraps(command)
    def reporting(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except Exception as error:
            if was_interrupted():
                raise KeyboardInterrupt from error
            if is_mistake(error):
                fail(str(error), BAD_INPUT)
            if refused := _refused(error):
                fail(refused, BAD_INPUT)
            raise

    return reporting


def gives_no_verdict_on_a_bug(command: Callable[P, R]) -> Callable[P, R]:
    """A command whose exit code 1 is a verdict: a bug is shown in full and ends with exit code 2."""

    @wraps(command)
    def reporting(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except (typer.Exit, typer.Abort):
            raise
        except Exception as error:
            if was_interrupted() or is_mistake(error) or _refused(error):
                raise
            import traceback

            traceback.print_exc()
            raise typer.Exit(BAD_INPUT) from None

    return reporting


def _refused(error: Exception) -> str:
    """What the system refused: a file that cannot be used, or memory. Empty for anything else."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{os.fsdecode(error.filename)}: {error.strerror or error}"
    names = {kind.__name__ for kind in type(error).__mro__}
    if isinstance(error, MemoryError) or "OutOfMemoryError" in names or "can't allocate memory" in str(error):
        if asked := ASKED.search(str(error)):
            return f"there is not enough memory: {int(asked[1]) / 2**30:.3g} GB at once were asked for"
        return f"there is not enough memory: {next(iter(str(error).splitlines()), '')}".rstrip(" :")
    return ""


def is_mistake(error: Exception) -> bool:
    """Whether the user can correct it.

    Compares names: an import here would hide a package of the same name that a target belongs to.
    """
    return any((kind.__module__, kind.__name__) == MISTAKE for kind in type(error).__mro__)


def examples(*lines: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Add examples to a command's help."""
    return _verbatim("Examples:", *(f"  {line}" for line in lines))


def _verbatim(*lines: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Add lines to a command's help as they are."""

    def add(command: Callable[P, R]) -> Callable[P, R]:
        kept = "\n".join(["\b", *lines])  # \b: typer wraps no line of this paragraph
        command.__doc__ = f"{cleandoc(command.__doc__ or '')}\n\n{kept}"
        return command

    return add


def exit_codes(meanings: Mapping[str, str]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Add what a command exits with to its help."""
    width = max(map(len, meanings))
    lines = [f"  {codes:<{width}}  {meaning}" for codes, meaning in meanings.items()]
    return _verbatim("Exit codes:", *lines)


def fail(message: str, code: int) -> NoReturn:
    """Print `Error: message` to standard error and exit."""
    print(f"Error: {safe(message)}", file=sys.stderr)
    raise typer.Exit(code)
