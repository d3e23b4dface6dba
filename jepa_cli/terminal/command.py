"""What every command shares: examples in its help, one clear message for a mistake, and an exit code."""

import sys
from collections.abc import Callable, Mapping
from functools import wraps
from inspect import cleandoc
from typing import NoReturn, ParamSpec, TypeVar

import typer

BAD_INPUT = 2

P = ParamSpec("P")
R = TypeVar("R")


def reports_user_errors(command: Callable[P, R]) -> Callable[P, R]:
    """A command whose UserError becomes a message and exit code 2. Every other exception is a bug and stays visible."""

    @wraps(command)
    def reporting(*args: P.args, **kwargs: P.kwargs) -> R:
        from jepa_world_model.errors import UserError

        try:
            return command(*args, **kwargs)
        except UserError as mistake:
            fail(str(mistake), BAD_INPUT)

    return reporting


def reports_audit_errors(command: Callable[P, R]) -> Callable[P, R]:
    """A command whose AuditError becomes a message and exit code 2."""

    @wraps(command)
    def reporting(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except Exception as error:
            from audits import AuditError  # the command has imported it already if it can raise one

            if isinstance(error, AuditError):
                fail(str(error), BAD_INPUT)
            raise

    return reporting


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
    """Print `error: message` to standard error and exit."""
    print(f"error: {message}", file=sys.stderr)
    raise typer.Exit(code)
