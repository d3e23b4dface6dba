"""Every trap gets the right status, and no audit leaves anything behind."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

import pytest
import torch
from torch import Tensor, distributed, nn

from audits import Audit, AuditError, Cell, Status, Target, audit
from audits.isolation import parameter_swap
from tests.audits.traps import TRAPS, Trap
from tests.audits.traps.footprint import differences, fill_gradients, footprint
from tests.audits.traps.naive import SEES, backward_sees

REFUSED = [trap for trap in TRAPS.values() if trap.error]
AUDITED = [trap for trap in TRAPS.values() if not trap.error]


@pytest.fixture(autouse=True, scope="module")
def large_is_a_megabyte() -> Iterator[None]:
    """What is too large to be copied beforehand is so here as well, and quickly looked at."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parameter_swap, "COPIED", 2**20)
        yield


@dataclass(frozen=True)
class Outcome:
    """What an audit of a trap came to."""

    result: Audit | AuditError
    left_behind: list[str]


@cache
def outcome(trap: Trap, *, cosines: bool = False) -> Outcome:
    """Audit a trap, once for all tests."""
    target = trap.target()
    fill_gradients(target)
    before = footprint(target)
    result = audited(target, settings=trap.settings, cosines=cosines)
    return Outcome(result, differences(before, footprint(target)))


def audited(target: Target, *, settings: str, cosines: bool) -> Audit | AuditError:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return audit(target, settings=settings, cosines=cosines)
        except AuditError as error:
            return error


def wrong_cells(trap: Trap, result: Audit) -> list[str]:
    """The cells whose status is not the expected one, in words."""
    return [
        f"{flow.setting.label}: {loss} x {module}: found {cell.status} ({cell.reason}), expected "
        + " or ".join(sorted(trap.right(flow.setting.label, loss, module)))
        for flow in result.flows
        for (loss, module), cell in flow.cells.items()
        if cell.status not in trap.right(flow.setting.label, loss, module)
    ]


def explanation(cell: Cell) -> str:
    """All that a cell says about its status."""
    return "; ".join([cell.reason, *(f"{stop} {stop.kind} {stop.place.text}" for stop in cell.stops)])


@pytest.fixture(scope="module", autouse=True)
def _process_group_ended() -> Iterator[None]:
    yield
    if distributed.is_initialized():
        distributed.destroy_process_group()


def by_name(trap: Trap) -> str:
    return trap.name


@pytest.mark.slow
@pytest.mark.parametrize("trap", AUDITED, ids=by_name)
def test_statuses(trap: Trap) -> None:
    result = outcome(trap).result
    assert isinstance(result, Audit), result
    assert {flow.setting.label: set(flow.cells) for flow in result.flows} == {
        label: set(cells) for label, cells in trap.expected.items()
    }
    assert wrong_cells(trap, result) == []


@pytest.mark.parametrize("trap", [trap for trap in AUDITED if trap.paths], ids=by_name)
def test_number_of_paths(trap: Trap) -> None:
    result = outcome(trap).result
    assert isinstance(result, Audit), result
    assert {key: result.flows[0].cells[key].paths for key in trap.paths} == trap.paths


@pytest.mark.slow
@pytest.mark.parametrize("trap", [trap for trap in AUDITED if trap.why], ids=by_name)
def test_reasons(trap: Trap) -> None:
    result = outcome(trap).result
    assert isinstance(result, Audit), result
    for key, word in trap.why.items():
        assert word in explanation(result.flows[0].cells[key])


@pytest.mark.parametrize("trap", REFUSED, ids=by_name)
def test_refusals(trap: Trap) -> None:
    result = outcome(trap).result
    assert isinstance(result, AuditError)
    assert str(trap.error) in str(result)


@pytest.mark.slow
@pytest.mark.parametrize("cosines", [False, True], ids=["statuses", "cosines"])
@pytest.mark.parametrize("trap", TRAPS.values(), ids=by_name)
def test_nothing_is_left_behind(trap: Trap, cosines: bool) -> None:
    assert outcome(trap, cosines=cosines).left_behind == []


@pytest.mark.slow
@pytest.mark.parametrize("trap", AUDITED, ids=by_name)
def test_cosines_change_no_status(trap: Trap) -> None:
    result = outcome(trap, cosines=True).result
    assert isinstance(result, Audit), result
    assert wrong_cells(trap, result) == []


def test_an_error_of_the_trainer_leaves_nothing_behind_either() -> None:
    layer = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Dropout())

    def losses(x: Tensor) -> dict[str, Tensor]:
        layer(x)
        layer.eval()
        raise KeyError("masks")

    target = Target({"layer": layer}, losses, batches=[torch.ones(4, 3)])
    fill_gradients(target)
    before = footprint(target)
    with pytest.raises((KeyError, AuditError), match="masks"):
        audit(target)
    assert differences(before, footprint(target)) == []


def test_gradient_may_be_switched_off_around_an_audit() -> None:
    trap = TRAPS["frozen_head"]
    with torch.no_grad():
        result = audit(trap.target())
        assert not torch.is_grad_enabled()
    assert wrong_cells(trap, result) == []


def test_a_wrong_status_is_noticed() -> None:
    trap = TRAPS["detached"]
    result = outcome(trap).result
    assert isinstance(result, Audit), result
    otherwise = replace(trap, expected={"default": dict.fromkeys(trap.expected["default"], Status.VACUOUS)})
    assert len(wrong_cells(otherwise, result)) == 2


@pytest.mark.slow
@pytest.mark.parametrize("trap", [trap for trap in AUDITED if not trap.fools_backward], ids=by_name)
def test_plain_autograd_agrees(trap: Trap) -> None:
    assert unlike_backward(trap) == {}


@pytest.mark.slow
def test_plain_autograd_is_fooled_by_many() -> None:
    fooled = [trap.name for trap in AUDITED if trap.fools_backward and unlike_backward(trap)]
    assert len(fooled) >= 15


def unlike_backward(trap: Trap) -> dict[tuple[str, str], str]:
    """What one backward pass shows, for the cells where that is not the right status."""
    return {
        key: seen
        for key, seen in backward_sees(trap.target()).items()
        if seen not in {SEES[status] for status in trap.right("default", *key)}
    }
