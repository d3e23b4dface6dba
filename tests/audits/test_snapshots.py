"""Containers that a forward pass fills, empties and changes are as before after it, whatever their class."""

from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable
from typing import Any

import pytest
from torch import nn

from audits.isolation.parameter_swap import swapped_parameters


class Named(list):
    """A list with an attribute."""

    name = "before"


class Table(dict):
    """A dictionary that counts what is put into it."""

    name = "before"
    puts = 0

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key, value)
        self.puts += 1


KINDS: list[Callable[[], Any]] = [list, dict, set, deque, OrderedDict, lambda: defaultdict(list), Named, Table]
CHANGES: dict[str, Callable[[Any], object]] = {
    "filled": lambda container: _fill(container, "new"),
    "emptied": lambda container: container.clear(),
    "replaced": lambda container: (container.clear(), _fill(container, "new")),
}


def _fill(container: Any, *items: str) -> None:
    for item in items:
        if isinstance(container, dict):
            container[item] = [item]
        elif isinstance(container, set):
            container.add(item)
        else:
            container.append(item)


@pytest.mark.parametrize("made", KINDS)
@pytest.mark.parametrize("items", [(), ("a",), ("a", "b")], ids=["empty", "one", "two"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_container_is_put_back(made: Callable[[], Any], items: tuple[str, ...], change: str) -> None:
    container = made()
    _fill(container, *items)
    before = container.copy(), dict(getattr(container, "__dict__", {}))

    def losses() -> Any:
        return container

    with swapped_parameters([nn.Linear(1, 1)], reached=[losses]):
        CHANGES[change](container)
        if hasattr(type(container), "name"):
            container.name = "changed"
    assert (container, dict(getattr(container, "__dict__", {}))) == before


def test_a_hook_that_the_pass_registers_is_gone_after_it() -> None:
    module = nn.Linear(1, 1)
    with swapped_parameters([module]):
        module.register_forward_hook(lambda *_: None)
        module.register_buffer("count", module.weight.detach().clone())
    assert not module._forward_hooks
    assert not module._buffers
