"""What every command shares: examples in its help, one clear message for a mistake, and an exit code."""

import sys
from collections.abc import Callable
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

    def add(command: Callable[P, R]) -> Callable[P, R]:
        verbatim = "\n".join(["\b", "Examples:", *(f"  {line}" for line in lines)])  # \b: keep these lines as they are
        command.__doc__ = f"{cleandoc(command.__doc__ or '')}\n\n{verbatim}"
        return command

    return add


def fail(message: str, code: int) -> NoReturn:
    """Print `error: message` to standard error and exit."""
    print(f"error: {message}", file=sys.stderr)
    raise typer.Exit(code)
