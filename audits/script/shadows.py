"""Living copies of modules that run: moving averages that a script updates, and does not run while it trains."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping

from torch import nn

from audits.script.living import LivingNames
from audits.target import Named

NORMS = nn.modules.batchnorm._NormBase


def shadows(columns: Mapping[str, Named], names: LivingNames) -> dict[str, nn.Module]:
    """By name: every module that is made like a column with running statistics, and is in no column."""
    made_like = {
        column: module
        for column, module in columns.items()
        if isinstance(module, nn.Module) and any(isinstance(part, NORMS) for part in module.modules())
    }
    modules = [value for value in columns.values() if isinstance(value, nn.Module)]
    known = {id(parameter) for module in modules for parameter in module.parameters()}
    found: dict[str, nn.Module] = {}
    for module in _alive({type(module) for module in made_like.values()}):
        if any(id(parameter) in known for parameter in module.parameters()):
            continue
        for column, other in made_like.items():
            if type(module) is type(other) and _shapes(module) == _shapes(other):
                found.setdefault(names.path(module) or f"a copy of {column}", module)
    return found


def _alive(kinds: set[type[nn.Module]]) -> Iterator[nn.Module]:
    if kinds:
        yield from (value for value in gc.get_objects() if type(value) in kinds)


def _shapes(module: nn.Module) -> list[tuple[str, tuple[int, ...]]]:
    return [(name, tuple(value.shape)) for name, value in module.state_dict().items()]
