"""What a shell offers for a value. Names are looked up when it asks, never at the start of a command."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import typer

Names = Callable[[], Iterable[str]]
Completer = Callable[[typer.Context, str], list[str]]


def one_of(known: Sequence[str], *names: str, help: str, **more: Any) -> Any:
    """An option with a few possible values, all of them in its help."""
    return typer.Option(*names, metavar="|".join(known), help=help, autocompletion=offers(lambda: known), **more)


def offers(known: Names, *, for_target: Sequence[str] | None = None) -> Completer:
    """Names that continue what was typed; in a list with commas, its last item.

    `for_target` is offered instead where --target names another trainer, whose code is not run to complete a word.
    """

    def complete(ctx: typer.Context, incomplete: str) -> list[str]:
        start, comma, item = incomplete.rpartition(",")
        is_foreign = for_target is not None and (ctx.params or {}).get("target")
        names = for_target if is_foreign and for_target is not None else known()
        return [f"{start}{comma}{name}" for name in names if name.startswith(item)]

    return complete
