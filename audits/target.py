"""What is audited: named modules, one forward pass that gives named losses, and gates that reroute it."""

from __future__ import annotations

import itertools
import numbers
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import InitVar, dataclass, field, replace
from types import FrameType
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.optimizer import Optimizer

from audits.errors import AuditError, nearest
from audits.isolation.reachable import is_array, reachable
from audits.legend import Legend
from audits.places import Place
from audits.result import Setting

PARTS = 4
DEFAULT, ALL = "default", "all"
WRAPPERS = ("module", "_orig_mod")  # the one child of a DDP or DataParallel wrapper, of a compiled module


class Group(tuple[Tensor, ...]):
    """Parameters that go by one name, and are no module."""

    __slots__ = ()


Named = nn.Module | Tensor | Group
"""What a column of the table stands for."""


@dataclass(frozen=True)
class Target:
    """A trainer, as far as an audit needs to know it.

    Attributes:
        modules: The columns of the table. One module stands for its children and for each parameter that is its own; a
            mapping gives modules, parameters and lists of parameters names of your choice. Wrappers such as
            DistributedDataParallel and ``torch.compile`` are removed first.
        losses: The forward pass of a training step: ``losses(batch, **gates)`` returns a mapping from names to losses,
            each a tensor with one element, that share one autograd graph. It calls the modules as the trainer does. An
            audit calls it several times and leaves nothing behind.
        batches: What `losses` is called with, in the trainer's own format. Two or three batches, so that a hinge that
            one batch satisfies is seen at work on another. If empty, `losses` is called without a batch.
        gates: What reroutes gradient: name to values, the default first. Passed to `losses` as keyword arguments. Every
            combination of values is a setting with a table of its own.
        name: What reports call the trainer.
        weights: The weight of each loss in the sum that is trained. Only `Cell.share` depends on them; a loss that is
            not named has weight 1.
        shape: What the routes of gradient depend on, such as ``{"frames": 8}``. It is kept in the lock file; an
            audit at another shape is refused rather than compared.
        helpers: Dotted names of Python modules that stop gradients for others. With ``helpers=["my_ops"]``, a stop
            inside of ``my_ops.stop`` is reported at the line that calls it.
        locate: A function from the frame that stops a gradient to the place that declares the stop, for trainers that
            declare stops elsewhere; None where it knows nothing of the frame.
        states: Classes whose methods and properties are the states of a forward pass. ``--strength`` puts a stop at
            each; pictures draw them.
        legend: Names and groups for pictures.
        selective: Whether `losses` also takes ``only``, a set with the names of the losses that are needed, and may
            leave out the others. Saves time where few losses are in doubt.
        switches (Mapping[str, Sequence[Any]] | None): The former name of `gates`. Still accepted.
        step: A whole training step, ``step(batch, **gates)``: forward, backward and the steps of the optimizers. It may
            return its losses, as tensors or as the numbers that it logs. An audit runs it twice on copies and tells
            what each optimizer moves. Without `losses`, those that it returns are audited.
        optimizers: What the optimizers of the step are called. One that is not named goes by the line that steps it.

    Raises:
        AuditError: A field has the wrong type, or there is no parameter.

    Examples:
        >>> target.named_modules.keys()
        dict_keys(['encoder', 'decoder', 'value'])
        >>> Target(net, losses, batches=[batch]).settings("all")[0].label
        'default'
    """

    modules: nn.Module | Mapping[str, nn.Module | Tensor | Iterable[Tensor]]
    losses: Callable[..., Mapping[str, Tensor | float]] = None  # pyright: ignore[reportAssignmentType]
    batches: Sequence[Any] = ()
    gates: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    name: str = "trainer"
    weights: Mapping[str, float] = field(default_factory=dict)
    shape: Mapping[str, int | str | bool] = field(default_factory=dict)
    helpers: Sequence[str] = ()
    locate: Callable[[FrameType], Place | None] | None = None
    states: Sequence[type] = ()
    legend: Legend = field(default_factory=Legend)
    selective: bool = False
    switches: InitVar[Mapping[str, Sequence[Any]] | None] = None
    step: Callable[..., Any] | None = None
    optimizers: Mapping[str, Optimizer] = field(default_factory=dict)

    def __post_init__(self, switches: Mapping[str, Sequence[Any]] | None) -> None:
        if switches is not None:
            object.__setattr__(self, "gates", switches)
        if self.losses is None and callable(self.step):
            object.__setattr__(self, "losses", _Returned(self.step, self.name))
        if isinstance(self.modules, Mapping):
            object.__setattr__(self, "modules", {name: _as_column(value) for name, value in self.modules.items()})
        self._check_kinds()
        if not self.named_modules:
            raise AuditError(f"target {self.name!r} has no modules: expected a module with children, or named modules")
        if not any(True for module in self.named_modules.values() for _ in parameters_of(module)):
            raise AuditError(f"target {self.name!r}: none of its modules has a parameter")

    def _check_kinds(self) -> None:
        """Raises AuditError that names each field of a wrong kind."""
        right = {
            "modules: a module, or a mapping from names to modules and parameters": (
                all(isinstance(value, nn.Module | Group) or _is_weight(value) for value in self.modules.values())
                if isinstance(self.modules, Mapping)
                else isinstance(self.modules, nn.Module)
            ),
            "losses: a function": callable(self.losses),
            "batches: a list": isinstance(self.batches, Sequence) and not isinstance(self.batches, str),
            "gates: a mapping from names to lists of values": isinstance(self.gates, Mapping),
            "weights: a mapping from losses to numbers": isinstance(self.weights, Mapping)
            and all(isinstance(weight, int | float) for weight in self.weights.values()),
            "shape: a mapping": isinstance(self.shape, Mapping),
            "step: a function": self.step is None or callable(self.step),
            "optimizers: a mapping from names to optimizers": isinstance(self.optimizers, Mapping)
            and all(isinstance(optimizer, Optimizer) for optimizer in self.optimizers.values()),
        }
        if wrong := [expected for expected, is_right in right.items() if not is_right]:
            found = ", ".join(f"{(name := what.partition(':')[0])} is {getattr(self, name)!r:.60}" for what in wrong)
            raise AuditError(f"target {self.name!r}: expected {'; '.join(wrong)}; found {found}")
        for gate, values in self.gates.items():
            if isinstance(values, str) or not isinstance(values, Sequence) or not len(values):
                raise AuditError(
                    f"target {self.name!r}: gate {gate!r} needs a list of values, the default first, found {values!r}"
                )

    @property
    def named_modules(self) -> dict[str, Named]:
        """The columns of the table: name to module, parameter, or several parameters."""
        if not isinstance(self.modules, nn.Module):
            return {
                name: value for name, value in self.modules.items() if isinstance(value, nn.Module | Tensor | Group)
            }
        root = unwrapped(self.modules)
        children = {name: child for name, child in root._modules.items() if child is not None}  # a shared one twice
        return {**children, **dict(root.named_parameters(recurse=False))}

    @property
    def roots(self) -> list[nn.Module | Tensor]:
        """Every module given, from the outermost, and every parameter given."""
        given = [self.modules] if isinstance(self.modules, nn.Module) else self.named_modules.values()
        return [root for value in given for root in ([value] if isinstance(value, nn.Module) else parameters_of(value))]

    @property
    def root_modules(self) -> list[nn.Module]:
        """Every module given, from the outermost."""
        return [root for root in self.roots if isinstance(root, nn.Module)]

    def settings(self, asked: str | Iterable[Mapping[str, Any]] = DEFAULT) -> list[Setting]:
        """The settings that `audit` takes for an argument of this kind.

        Args:
            asked: ``"default"``, ``"all"`` (every combination, the default one first), or a list of mappings from gate
                to value.

        Raises:
            AuditError: A gate or a value is unknown.
        """
        defaults = {name: values[0] for name, values in self.gates.items()}
        if asked == ALL:
            chosen = [dict(zip(self.gates, values, strict=True)) for values in itertools.product(*self.gates.values())]
        elif asked == DEFAULT:
            chosen = [defaults]
        elif isinstance(asked, str):
            raise AuditError(f"settings: expected 'default', 'all' or a list of dicts, found {asked!r}")
        else:
            chosen = [{**defaults, **self._checked(values)} for values in asked]
        return [Setting(values, defaults) for values in chosen]

    def _checked(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        for name, value in values.items():
            if name not in self.gates:
                known = nearest(name, self.gates) if self.gates else "this target has none"
                raise AuditError(f"there is no gate {name!r}: {known}")
            if value not in self.gates[name]:
                raise AuditError(f"gate {name} is one of {', '.join(map(str, self.gates[name]))}, found {value!r}")
        return values

    def run(
        self, setting: Setting, given: Sequence[Any], *, only: Collection[str] | None = None
    ) -> Mapping[str, Tensor | float]:
        """One forward pass on what `given` gave. A selective target computes `only` some losses."""
        wanted = {"only": frozenset(only)} if self.selective and only is not None else {}
        return self.losses(*given, **setting.values, **wanted)

    def narrowed(self, losses: Collection[str] | None) -> Target:
        """The same target, computing only some losses if it can."""
        if not self.selective or losses is None:
            return self
        only, every = frozenset(losses), self.losses
        return replace(self, losses=lambda *given, **gates: every(*given, **gates, only=only), selective=False)

    def given(self, batch: int) -> list[Any]:
        """Batch number `batch`, counted round; nothing without batches."""
        return [self.batches[batch % len(self.batches)]] if len(self.batches) else []

    def part(self) -> int | None:
        """How many rows of the first batch prove a gradient as well as all; None where it is small or has no rows."""
        rows = _rows_of(self.batches[0]) if len(self.batches) else None
        return max(2, rows // PARTS) if rows and rows >= 2 * PARTS else None

    def checked(self, losses: Any, setting: Setting) -> dict[str, Tensor]:
        """What `run` gave, a number as a tensor that holds it. Raises AuditError unless it is a mapping of finite
        scalars."""
        if not isinstance(losses, Mapping) or not losses:
            found = f"an empty {type(losses).__name__}" if isinstance(losses, Mapping) else type(losses).__name__
            raise AuditError(f"target {self.name!r}: expected a mapping from loss names to scalars, found {found}")
        device = next((loss.device for loss in losses.values() if isinstance(loss, Tensor)), None)
        return {name: _scalar(name, value, setting, device) for name, value in losses.items()}


@dataclass(frozen=True)
class _Returned:
    """The losses that a step returns."""

    step: Callable[..., Any]
    target: str

    def __call__(self, *given: Any, **gates: Any) -> Mapping[str, Tensor | float]:
        """Raises AuditError where the step returns no tensor that has a graph."""
        found = self.step(*given, **gates)
        of = found.values() if isinstance(found, Mapping) else ()
        if any(isinstance(value, Tensor) and value.requires_grad for value in of):
            return found
        told = "numbers without a graph" if of else type(found).__name__
        raise AuditError(
            f"target {self.target!r}: its step returns {told}: return the losses as tensors, by name, before detach or "
            "item, or give losses a function of its own"
        )


def _scalar(name: str, value: object, setting: Setting, device: torch.device | None) -> Tensor:
    at = f"loss {name!r} (gates: {setting.label})"
    if not isinstance(name, str):
        raise AuditError(f"{at}: expected a text for a name, found {type(name).__name__}")
    if not isinstance(value, Tensor):
        value = _number(value, device)
    if not isinstance(value, Tensor):
        raise AuditError(f"{at}: expected a tensor with one element, found {type(value).__name__} {value!r:.40}")
    if value.numel() != 1:
        raise AuditError(f"{at}: expected a tensor with one element, found shape {list(value.shape)}; reduce it first")
    if value.is_complex():
        raise AuditError(
            f"{at}: expected a real number, found {value.dtype}; a gradient needs its real part or its size"
        )
    if not value.is_meta and not bool(torch.isfinite(value.detach()).all()):
        raise AuditError(f"{at}: is {value.item()}; the audit needs a batch on which every loss is finite")
    return value


def _number(value: Any, device: torch.device | None) -> Any:
    """A number of Python or NumPy as a tensor; anything else as it is."""
    is_array = hasattr(value, "__array__") and getattr(value, "size", 0) == 1
    if not is_array and not isinstance(value, numbers.Number):
        return value
    return torch.as_tensor(value if is_array else float(value), device=device)  # pyright: ignore[reportArgumentType]


def unwrapped(module: nn.Module) -> nn.Module:
    """The module inside of wrappers such as DistributedDataParallel and torch.compile."""
    while [name for name, _ in module.named_children()] in ([wrapper] for wrapper in WRAPPERS):
        if any(True for _ in module.parameters(recurse=False)):
            break
        module = next(module.children())
    return module


def parameters_of(module: Named) -> Iterator[Tensor]:
    """All parameters of a module, or the parameter itself, or each of several."""
    if isinstance(module, nn.Module):
        yield from module.parameters()
    elif isinstance(module, Tensor):
        yield module
    else:
        yield from module


def _as_column(value: Any) -> Any:
    """Several parameters as a group; anything else as it is."""
    if isinstance(value, nn.Module | Tensor | str) or not isinstance(value, Iterable):
        return value
    members = tuple(value.values() if isinstance(value, Mapping) else value)
    return Group(members) if members and all(map(_is_weight, members)) else value


def _is_weight(value: Any) -> bool:
    """Whether something can be trained: a parameter, or a tensor that takes gradient and was computed from nothing."""
    return isinstance(value, nn.Parameter) or (isinstance(value, Tensor) and value.requires_grad and value.is_leaf)


def _rows_of(batch: Any) -> int | None:
    """The length that all tensors of a batch have in their first dimension; None where they have no common one."""
    found = list(reachable([batch]))
    if any(isinstance(value, nn.Module) or is_array(type(value)) for value in found):
        return None
    lengths = {len(tensor) if tensor.ndim else 0 for tensor in found if isinstance(tensor, Tensor)}
    return lengths.pop() if len(lengths) == 1 else None
