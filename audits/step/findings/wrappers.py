"""DistributedDataParallel: a forward pass that goes past it, and parameters that it waits for."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator
from itertools import takewhile

from torch import distributed
from torch.nn.parallel import DistributedDataParallel

from audits.remark import Remark
from audits.remarks import listed
from audits.step.findings.declaration import finding
from audits.step.seen import SeenSteps


@finding("wrapper bypassed")
def _bypassed(seen: SeenSteps) -> Iterable[Remark]:
    """The module inside runs and the wrapper does not, so gradients of several processes are never averaged."""
    for wrapper, column in _wrappers(seen):
        reached = any(_reached(seen, parameter) for parameter in wrapper.parameters())
        ran = any(id(module) in seen.watcher.called for module in wrapper.module.modules())
        if reached and ran and id(wrapper) not in seen.watcher.called:
            text = f"{column} is called past its DistributedDataParallel: gradients are not averaged over processes"
            place = seen.place_of_call(wrapper.module)
            yield Remark("wrapper bypassed", text, names=(column,), place=place)


@finding("unused under DistributedDataParallel")
def _unused(seen: SeenSteps) -> Iterable[Remark]:
    """Parameters that a backward call leaves out, for which the wrapper waits."""
    for wrapper, column in _wrappers(seen):
        named = {id(each): name for name, each in wrapper.module.named_parameters() if each.requires_grad}
        own = [backward.reached for backward in seen.backwards if backward.reached & named.keys()]
        if wrapper.find_unused_parameters or id(wrapper) not in seen.watcher.called or not own:
            continue
        left = tuple(name for number, name in named.items() if not any(number in reached for reached in own))
        if left:
            text = f"{len(left)} parameters of {column} are in no loss: {listed(left)}; "
            text += "DistributedDataParallel will wait for them"
            place = seen.place_of_call(wrapper)
            yield Remark("unused under DistributedDataParallel", text, names=left, place=place)


def _wrappers(seen: SeenSteps) -> Iterator[tuple[DistributedDataParallel, str]]:
    """Each wrapper of a module that ran, and what it is called."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return
    for wrapper in [each for each in gc.get_objects() if issubclass(type(each), DistributedDataParallel)]:
        if any(id(module) in seen.watcher.called for module in wrapper.module.modules()):
            yield wrapper, _column(seen, wrapper) or type(wrapper.module).__name__


def _column(seen: SeenSteps, wrapper: DistributedDataParallel) -> str:
    """The column that a wrapper is, or what the names of its columns begin with; empty where there is none."""
    held = {id(each) for each in wrapper.parameters()}
    inside = [name.split(".") for name, own in seen.parameters.items() if own and own.keys() <= held]
    alike = takewhile(lambda parts: len(set(parts)) == 1, zip(*inside, strict=False))
    return ".".join(parts[0] for parts in alike)


def _reached(seen: SeenSteps, parameter: object) -> bool:
    return any(id(parameter) in backward.reached for backward in seen.backwards)
