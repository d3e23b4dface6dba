"""The modules that live in a script, from the outermost, and the names by which its code reaches them."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import FrameType, ModuleType
from typing import Any

from torch import Tensor, nn

from audits.recording.source_lines import Sources, Spot
from audits.target import WRAPPERS

INSTALLED = tuple(f"{os.sep}{folder}{os.sep}" for folder in ("site-packages", "dist-packages"))
LARGEST = 4096
"""Entries of a container that are looked at for modules."""
GLOBAL, LOCAL, ATTRIBUTE, ARGUMENT, SELF, INSIDE = range(6)
"""Where a name is found, the best first. An argument is called by what a function is for, not by what it is given; what
is inside of a container comes after all."""
Rank = tuple[int, int]


@dataclass
class LivingNames:
    """By id of a module or parameter: the best name that was seen, and how good it is."""

    best: dict[int, tuple[Rank, str]] = field(default_factory=dict)
    held: dict[int, object] = field(default_factory=dict)

    def look(self, frame: FrameType | None, sources: Sources) -> None:
        """Take the names of all that the running functions reach: globals, variables, attributes, the nearest last."""
        frames = list(_own(frame, sources))
        for depth, running in enumerate(reversed(frames)):
            variables = running.f_locals
            if variables is running.f_globals:
                self._take_all(variables, GLOBAL, depth)
                continue
            self._take_all(running.f_globals, GLOBAL, depth)
            code = running.f_code
            given = {*code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]}
            self._take_all({key: value for key, value in variables.items() if key not in given}, LOCAL, depth)
            self._take_all({key: value for key, value in variables.items() if key in given - {"self"}}, ARGUMENT, depth)
            if "self" in variables:
                self._take_self(variables["self"], depth)

    def get(self, value: object) -> str:
        found = self.best.get(id(value))
        return found[1] if found else ""

    def look_inside(self) -> None:
        """Take the names of modules in plain lists and dictionaries of named modules, which torch does not know of."""
        for name, module in self._modules():
            for path, part in module.named_modules(prefix=name):
                for key, value in _attributes(part):
                    if not key.startswith("_") and isinstance(value, list | tuple | dict):
                        self._take_inside(f"{path}.{key}", value, (INSIDE + SELF, 0))

    def path(self, module: nn.Module) -> str:
        """The name of a module, or of one that it is a part of and the way on from there; empty where there is none."""
        paths = (
            path for name, owner in self._modules() for path, part in owner.named_modules(prefix=name) if part is module
        )
        return self.get(module) or next(paths, "")

    def _modules(self) -> list[tuple[str, nn.Module]]:
        held = ((self.best[key][1], value) for key, value in self.held.items())
        return [(name, value) for name, value in held if isinstance(value, nn.Module)]

    def _take_all(self, variables: Mapping[str, Any], rank: int, depth: int) -> None:
        for name, value in list(variables.items()):
            if not name.startswith("__") and not isinstance(value, ModuleType | type):
                self._take(name, value, (rank, depth))
                if not isinstance(value, nn.Module | Tensor):
                    self._take_inside(name, value, (INSIDE + rank, depth))

    def _take_self(self, owner: Any, depth: int) -> None:
        if isinstance(owner, nn.Module):
            self._take("self", owner, (SELF, -depth))
            return
        for key, value in _attributes(owner):
            self._take(f"self.{key}", value, (ATTRIBUTE, -depth))
            if not isinstance(value, nn.Module | Tensor):
                self._take_inside(f"self.{key}", value, (INSIDE + ATTRIBUTE, -depth))

    def _take_inside(self, name: str, value: Any, rank: Rank) -> None:
        if isinstance(value, dict) and len(value) <= LARGEST:
            for key, item in list(value.items()):
                if isinstance(item, nn.Module | Tensor):
                    self._take(f"{name}[{key!r}]".replace("'", '"'), item, rank)
        elif isinstance(value, list | tuple) and len(value) <= LARGEST:
            for number, item in enumerate(value):
                if isinstance(item, nn.Module | Tensor):
                    self._take(f"{name}[{number}]", item, rank)
        else:
            for key, item in _attributes(value):
                if isinstance(item, nn.Module | Tensor):
                    self._take(f"{name}.{key}", item, rank)

    def _take(self, name: str, value: Any, rank: Rank) -> None:
        if not isinstance(value, nn.Module | Tensor):
            return
        known = self.best.get(id(value))
        if known is None or rank < known[0]:
            self.best[id(value)] = rank, name
            self.held[id(value)] = value


def _own(frame: FrameType | None, sources: Sources) -> Iterator[FrameType]:
    """The running functions of the script itself, the innermost first."""
    while (frame := sources.frame(frame)) is not None:
        if not any(folder in frame.f_code.co_filename for folder in INSTALLED):
            yield frame
        frame = frame.f_back


def script_frame(frame: FrameType | None, sources: Sources) -> FrameType | None:
    """The innermost function of the script itself, or else of a library that it uses."""
    return next(_own(frame, sources), None) or sources.frame(frame)


def stack_of(frame: FrameType | None, sources: Sources) -> Iterator[Spot]:
    """The expressions that run in all functions of the script itself, the innermost first."""
    for running in _own(frame, sources):
        yield Spot(running.f_code, running.f_lasti, running.f_lineno, running.f_globals)


def _attributes(owner: Any) -> Iterator[tuple[str, Any]]:
    try:
        yield from list(vars(owner).items())
    except TypeError:
        return


def tops(modules: Iterable[nn.Module]) -> list[nn.Module]:
    """The outermost living modules that some modules are parts of, in the order of those."""
    parents: dict[int, nn.Module] = {}
    for owner in gc.get_objects():
        if issubclass(type(owner), nn.Module):  # no isinstance, which lazy proxies answer by loading themselves
            for child in vars(owner).get("_modules", {}).values():
                if child is not None and child is not owner:
                    parents.setdefault(id(child), owner)
    found: dict[int, nn.Module] = {}
    for module in modules:
        seen = {id(module)}
        while (parent := parents.get(id(module))) is not None and id(parent) not in seen:
            module = parent
            seen.add(id(module))
        found.setdefault(id(module), module)
    return list(found.values())


def owners(parameters: Iterable[Tensor]) -> list[nn.Module]:
    """The living modules that have some parameters."""
    wanted = {id(parameter) for parameter in parameters}
    return [
        module
        for module in gc.get_objects()
        if issubclass(type(module), nn.Module)
        and any(id(value) in wanted for value in vars(module).get("_parameters", {}).values())
    ]


def wrapped(module: nn.Module) -> nn.Module | None:
    """The one module that a wrapper such as DistributedDataParallel or a LightningModule only passes on."""
    if any(True for _ in module.parameters(recurse=False)):
        return None
    with_weights = [(name, child) for name, child in module.named_children() if _has_weights(child)]
    if len(with_weights) != 1:
        return None
    name, child = with_weights[0]
    return child if name in WRAPPERS or not _is_whole(child) else None


def wrapped_name(module: nn.Module, child: nn.Module) -> str:
    """The attribute by which a wrapper holds a module; empty for those that nobody writes."""
    name = next(name for name, each in module.named_children() if each is child)
    return "" if name in WRAPPERS else name


def _has_weights(module: nn.Module) -> bool:
    return any(True for _ in module.parameters())


def is_numbered(module: nn.Module) -> bool:
    """Whether its children have numbers for names: a sequence or a list."""
    names = [name for name, _ in module.named_children()]
    return bool(names) and all(name.isdigit() for name in names)


def _is_whole(module: nn.Module) -> bool:
    """A layer, or a sequence of layers."""
    return is_numbered(module) or not any(_has_weights(child) for child in module.children())
