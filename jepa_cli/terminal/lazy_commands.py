"""Commands that are declared by name, and imported when they are asked for: a help loads no other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar

import typer

from jepa_cli.terminal.command import Command, CommandGroup


@dataclass(frozen=True)
class Declared:
    """A command in the list of commands."""

    home: str
    """Module and name of a function, or of a `typer.Typer` with commands below it: ``package.module:name``."""
    short_help: str

    def loaded(self, name: str) -> Any:
        """The command, with its options."""
        module, _, attribute = self.home.partition(":")
        found = getattr(import_module(module), attribute)
        if not isinstance(found, typer.Typer):
            found, function = typer.Typer(add_completion=False, rich_markup_mode=None), found
            found.command(name, cls=Command, short_help=self.short_help)(function)
        return typer.main.get_command(found)


class LoadedWhenAsked(Mapping[str, Any]):
    """Commands by name."""

    def __init__(self, declared: Mapping[str, Declared]) -> None:
        self._declared = declared
        self._loaded: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._loaded:
            self._loaded[name] = self._declared[name].loaded(name)
        return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._declared)

    def __len__(self) -> int:
        return len(self._declared)


class LazyGroup(CommandGroup):
    """A group of declared commands."""

    declared: ClassVar[Mapping[str, Declared]]

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands: Any = LoadedWhenAsked(self.declared)

    def list_commands(self, ctx: Any) -> list[str]:
        return list(self.declared)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.short_help) for name, command in self.declared.items()])
