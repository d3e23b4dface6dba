"""What is worth saying of an audit without any document: what trains nothing, and what nothing trains.

A remark is a function from an audit to sentences under `@remark(name)`. Each is a warning: it fails nothing, unless
that is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from audits.moves import BY_HAND
from audits.remark import Remark
from audits.result import Audit, Cell, Status

Finder = Callable[[Audit], Iterable["Remark"]]

MOST = 4
"""Names that one remark lists before it counts."""
STATISTICS = "statistics of a frozen module"
WITHOUT_GRADIENT = "in an optimizer without gradient"
FINDERS: dict[str, Finder] = {}


def remarks(audit: Audit) -> list[Remark]:
    """All remarks on an audit, the gravest first. Where nothing trains, no loss and no module is remarked on alone."""
    found = [remark for find in FINDERS.values() for remark in find(audit)]
    if any(remark.kind == "nothing trains" for remark in found):
        return [remark for remark in found if remark.kind not in ("updates nothing", "not updated")]
    return found


def remark(kind: str) -> Callable[[Finder], Finder]:
    """Declare a remark of this name."""

    def declare(find: Finder) -> Finder:
        FINDERS[kind] = find
        return find

    return declare


@remark("nothing trains")
def _nothing_trains(audit: Audit) -> Iterable[Remark]:
    """A table without any gradient, such as that of a step under `no_grad`."""
    if not any(cell.status.updates or not cell.status.decided for _, cell in audit.cells()):
        why = _commonest_reason(audit)
        text = f"no loss updates any module, so this trainer trains nothing{f': {why}' if why else ''}"
        yield Remark("nothing trains", text, audit.losses, audit.modules)


@remark("updates nothing")
def _updates_nothing(audit: Audit) -> Iterable[Remark]:
    """A loss that updates no module, at any audited setting."""
    for loss in audit.losses:
        cells = [flow.cells[loss, module] for flow in audit.flows for module in audit.modules]
        if not any(cell.status.updates or not cell.status.decided for cell in cells):
            yield Remark("updates nothing", f"{loss} updates no module{_and_why(cells)}", (loss,))


@remark("not updated")
def _not_updated(audit: Audit) -> Iterable[Remark]:
    """A trainable module that no loss updates. A module without trainable parameters is frozen on purpose."""
    if set(audit.losses) != set(audit.known or audit.losses):
        return
    for module in audit.modules:
        cells = _of_module(audit, module)
        trainable = any(cell.parameters for cell in cells)
        undecided = any(cell.status.updates or not cell.status.decided for cell in cells)
        if trainable and not (undecided or _moves_by_a_loss(audit, module)):
            yield Remark("not updated", f"no loss updates {module}{_and_why(cells)}", modules=(module,))


@remark("parameters without gradient")
def _parameters_without_gradient(audit: Audit) -> Iterable[Remark]:
    """Trainable parameters in a module that trains, which no loss reaches at any audited setting."""
    if set(audit.losses) != set(audit.known or audit.losses):
        return
    for module in audit.modules:
        cells = _of_module(audit, module)
        per_flow = [set(flow.unused.get(module, ())) for flow in audit.flows]
        unused = set.intersection(*per_flow) if per_flow else set()
        if unused and any(cell.status.updates for cell in cells) and not _moves_by_a_loss(audit, module, wholly=True):
            names = tuple(name for name in audit.flows[0].unused[module] if name in unused)
            total = max(cell.parameters for cell in cells)
            text = f"{len(names)} of {total} parameters of {module} get no gradient from any loss: {listed(names)}"
            yield Remark("parameters without gradient", text, modules=(module,), names=names)


@remark(STATISTICS)
def _moving_statistics(audit: Audit) -> Iterable[Remark]:
    """A batch normalisation in a frozen module that is in training mode."""
    averages = {move.module for move in audit.steps.of(BY_HAND) if move.moved} if audit.steps else ()
    if names := tuple(name for name in _over_flows(audit, "moving") if name.partition(".")[0] not in averages):
        text = f"the running statistics of {listed(names)} move although all parameters there are frozen: call eval()"
        yield Remark(STATISTICS, text, names=names)


@remark("ran without a name")
def _ran_without_a_name(audit: Audit) -> Iterable[Remark]:
    """Modules with trainable parameters that the forward pass calls, and the target does not name."""
    if names := _over_flows(audit, "unnamed"):
        text = f"the forward pass also runs trainable modules that the target does not name: {listed(names)}"
        yield Remark("ran without a name", text, names=names)


@remark("real steps")
def _of_real_steps(audit: Audit) -> Iterable[Remark]:
    """What was found where real optimizer steps were watched; not what another remark says of the same module."""
    found = audit.steps.findings if audit.steps else ()
    still = {module for told in (*_not_updated(audit), *_parameters_without_gradient(audit)) for module in told.modules}
    moving = any(True for _ in _moving_statistics(audit))
    for told in found:
        if told.kind == WITHOUT_GRADIENT and still.issuperset(told.modules) and told.modules:
            continue
        if not (told.kind == STATISTICS and moving):
            yield told


@remark("came apart")
def _came_apart(audit: Audit) -> Iterable[Remark]:
    """Weights that were tied, and are two parameters now."""
    for first, second in audit.came_apart:
        text = f"{first} and {second} hold the same numbers and are two parameters: tied weights that came apart"
        yield Remark("came apart", text, names=(first, second))


def listed(names: Iterable[str]) -> str:
    """``a, b and 6 more``"""
    names = list(names)
    if len(names) > MOST + 1:
        return f"{', '.join(names[:MOST])} and {len(names) - MOST} more"
    return ", ".join(names)


def _of_module(audit: Audit, module: str) -> list[Cell]:
    return [flow.cells[loss, module] for flow in audit.flows for loss in audit.losses]


def _moves_by_a_loss(audit: Audit, module: str, *, wholly: bool = False) -> bool:
    """Whether real steps moved a module by gradient, such as a later one that trains another task. `wholly`: all of
    its parameters."""
    own = [move for move in (audit.steps.moves if audit.steps else ()) if move.module == module and move.losses]
    return any(move.moved and (not wholly or move.moved == move.parameters) for move in own)


def _over_flows(audit: Audit, field: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for flow in audit.flows for name in getattr(flow, field)))


def _and_why(cells: Iterable[Cell]) -> str:
    """The reason, if there is one for all."""
    reasons = {cell.reason for cell in cells if cell.status is not Status.FROZEN}
    return f": {reasons.pop()}" if len(reasons) == 1 and reasons != {""} else ""


def _commonest_reason(audit: Audit) -> str:
    reasons = [cell.reason for _, cell in audit.cells() if cell.reason]
    return max(set(reasons), key=lambda reason: (reasons.count(reason), reason), default="")
