"""Which modules are the columns of a script's table: the children of its outermost modules."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from torch import Tensor, nn

from audits.errors import AuditError
from audits.script.living import LivingNames, is_numbered, wrapped, wrapped_name
from audits.target import Named, parameters_of

LAYER = re.compile(r"(fc|l|lin|linear|layer|dense|conv|deconv|bn|norm|ln|hidden|h|block|up|down)_?\d+")
PLAIN = re.compile(r"(net|mlp|main|model|body|trunk|out|output|mean|mu|log_?std|std|head|act|norm|fc|proj|linear)")
"""Names that children have in a network that is one thing to its script, such as an actor."""


@dataclass(frozen=True)
class Choice:
    """What `--modules` asks for: a depth below the outermost modules, or patterns of names."""

    depth: int | None = None
    patterns: Sequence[str] = ()

    @staticmethod
    def of(texts: Sequence[str]) -> Choice:
        """Raises AuditError for a negative depth."""
        given = [item.strip() for text in texts for item in text.split(",") if item.strip()]
        if len(given) == 1 and re.fullmatch(r"-?\d+", given[0]):
            if int(given[0]) < 0:
                raise AuditError(f"--modules {given[0]}: expected a depth from 0, or patterns such as 'model.*'")
            return Choice(depth=int(given[0]))
        return Choice(patterns=given)


def columns(
    outermost: Sequence[nn.Module], loose: Iterable[Tensor], names: LivingNames, choice: Choice
) -> dict[str, Named]:
    """By name: modules, and parameters of none.

    Raises AuditError for a pattern that no module has.
    """
    found: dict[str, Named] = {}
    tops: dict[str, int] = {}
    whole = [module for module in outermost if any(True for _ in module.parameters())]
    alone = sum(any(parameter.requires_grad for parameter in module.parameters()) for module in whole) == 1
    for number, top in enumerate(whole):
        name, module = _unwrapped(top, names)
        for path, column in _chosen(name, module, choice, alone=alone):
            free = _free(path, column, found)
            found[free], tops[free] = column, number
    if not choice.patterns:
        found = _once(found, tops)
    for parameter in loose:
        name = names.get(parameter) or "parameter"
        found[_free(name, parameter, found)] = parameter
    if unknown := [each for each in choice.patterns if not any(fnmatchcase(name, each) for name in found)]:
        known = ", ".join(dict.fromkeys(name for top in whole for name, _ in _children(*_unwrapped(top, names))))
        raise AuditError(f"--modules {unknown[0]}: no module has such a name; there are {known}")
    return found


def _once(found: Mapping[str, Named], tops: Mapping[str, int]) -> dict[str, Named]:
    """Columns without those that only gather the parameters of columns of other outermost modules. Of two with the same
    parameters the one with the shorter name stays."""
    sets = {name: _parameters(column) for name, column in found.items()}
    ranks = {name: (len(sets[name]), name.count("."), tops[name]) for name in found}

    def is_gathered(name: str) -> bool:
        finer = (other for other in found if tops[other] != tops[name] and ranks[other] < ranks[name])
        return sets[name] == frozenset().union(*(sets[other] for other in finer if sets[other] <= sets[name]))

    return {name: column for name, column in found.items() if not is_gathered(name)}


def _parameters(column: Named) -> frozenset[int]:
    return frozenset(id(parameter) for parameter in parameters_of(column))


def _chosen(name: str, module: nn.Module, choice: Choice, *, alone: bool) -> Iterator[tuple[str, Named]]:
    if choice.patterns:
        yield from _matching(name, module, choice.patterns)
    elif choice.depth is not None:
        yield from _at_depth(name, module, choice.depth)
    elif _is_one(module, alone=alone):
        yield name, module
    else:
        yield from _children(name, module)


def _matching(name: str, module: nn.Module, patterns: Sequence[str]) -> Iterator[tuple[str, Named]]:
    """The outermost parts whose names match."""
    if any(fnmatchcase(name, pattern) for pattern in patterns):
        yield name, module
        return
    for path, child in _children(name, module):
        if isinstance(child, nn.Module):
            yield from _matching(path, child, patterns)
        elif any(fnmatchcase(path, pattern) for pattern in patterns):
            yield path, child


def _at_depth(name: str, module: nn.Module, depth: int) -> Iterator[tuple[str, Named]]:
    below = list(_children(name, module)) if depth else []
    if not below:
        yield name, module
    for path, child in below:
        if isinstance(child, nn.Module):
            yield from _at_depth(path, child, depth - 1)
        else:
            yield path, child


def _children(name: str, module: nn.Module) -> Iterator[tuple[str, Named]]:
    for key, child in module._modules.items():
        if child is not None and any(True for _ in child.parameters()):
            yield f"{name}.{key}", child
    for key, parameter in module.named_parameters(recurse=False):
        yield f"{name}.{key}", parameter


def _is_one(module: nn.Module, *, alone: bool) -> bool:
    """Whether a module is one column: a layer, a sequence, or a network among others whose parts are its layers."""
    below = dict(_children("", module))
    if len(below) < 2:
        return True
    parts = [part for part in below.values() if isinstance(part, nn.Module)]
    if is_numbered(module) and (not alone or isinstance(module, nn.Sequential)):
        return not alone or not any(_has_parts(part) for part in parts)
    if alone or any(_has_parts(part) and not is_numbered(part) for part in parts):
        return not parts
    keys = [path.rpartition(".")[2] for path in below]
    return not parts or any(map(LAYER.fullmatch, keys)) or all(map(PLAIN.fullmatch, keys))


def _has_parts(module: nn.Module) -> bool:
    return any(True for child in module.children() for _ in child.parameters())


def _unwrapped(module: nn.Module, names: LivingNames) -> tuple[str, nn.Module]:
    """The module inside of all wrappers, and what the script calls it."""
    name = names.get(module)
    while (child := wrapped(module)) is not None:
        own, attribute = names.get(child), wrapped_name(module, child)
        through = f"{name}.{attribute}" if name and attribute else name
        name = own if own and (not through or own.count(".") <= through.count(".")) else through
        module = child
    return name or type(module).__name__, module


def _free(name: str, value: Named, found: dict[str, Named]) -> str:
    """A name that no other column has."""
    if name not in found:
        return name
    kind = f"{name} ({type(value).__name__})" if isinstance(value, nn.Module) else name
    number = 2
    while (numbered := kind if number == 2 and kind not in found and kind != name else f"{kind} no. {number}") in found:
        number += 1
    return numbered
