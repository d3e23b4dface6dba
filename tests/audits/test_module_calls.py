"""Calls of modules are told, also of a `forward` by itself, and the classes are left as they were."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from audits.recording.module_calls import calls_told


class Doubled(nn.Linear):
    """Calls the `forward` of its base."""

    def forward(self, x: Tensor) -> Tensor:
        return 2 * super().forward(x)


class Renamed(Doubled):
    """Has no `forward` of its own."""


class Told:
    """What was told, in order."""

    def __init__(self) -> None:
        self.calls: list[Any] = []

    def enter(self, module: nn.Module, args: tuple, keywords: Any) -> None:
        self.calls.append((type(module).__name__, len(args), list(keywords)))

    def leave(self, module: nn.Module, output: Any) -> None:
        self.calls.append((type(module).__name__, output is not None))


@pytest.mark.parametrize("kind", [nn.Linear, Doubled, Renamed])
def test_a_call_is_told_once_however_it_is_made(kind: type[nn.Linear]) -> None:
    module, told, x = kind(3, 3), Told(), torch.ones(2, 3)
    with calls_told([module], told.enter, told.leave):
        module(x)
        module.forward(x)
    name = kind.__name__
    assert told.calls == [(name, 1, []), (name, True)] * 2


def test_arguments_by_name_and_errors_are_told() -> None:
    module, told = Doubled(3, 3), Told()
    with calls_told([module], told.enter, told.leave):
        module.forward(x=torch.ones(2, 3))
        with pytest.raises(TypeError):
            module.forward()
    assert told.calls == [("Doubled", 0, ["x"]), ("Doubled", True), ("Doubled", 0, []), ("Doubled", False)]


def test_parts_and_strangers_of_the_same_class() -> None:
    inner, stranger, told = Doubled(3, 3), Doubled(3, 3), Told()
    with calls_told([inner], told.enter, told.leave):
        nn.Sequential(inner).forward(torch.ones(2, 3))
        stranger.forward(torch.ones(2, 3))
        copy.deepcopy(inner).forward(torch.ones(2, 3))
    assert [call[0] for call in told.calls] == ["Doubled", "Doubled"]


def test_classes_are_left_as_they_were() -> None:
    before, told = (nn.Linear.forward, Doubled.forward, Renamed.forward), Told()
    kept = []
    with calls_told([nn.Linear(3, 3), Doubled(3, 3), module := Renamed(3, 3)], told.enter, told.leave):
        kept.append(module.forward)
    assert (nn.Linear.forward, Doubled.forward, Renamed.forward) == before
    assert "forward" not in vars(Renamed)
    kept[0](torch.ones(2, 3))
    assert told.calls == []
