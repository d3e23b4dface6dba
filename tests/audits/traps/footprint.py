"""Everything an audit might leave behind, as values that can be compared bit by bit."""

import inspect
import random
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from functools import _lru_cache_wrapper, partial
from types import FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter

from audits import Target

PLAIN = (bool, int, float, complex, str, bytes, type(None), torch.dtype, torch.device)


def footprint(target: Target) -> dict[str, Any]:
    """The state of a target and of all that its losses lead to, of every random generator and of torch itself."""
    state, seen = _process(), set[int]()
    for number, batch in enumerate(target.batches):
        _walk(f"batch {number}", batch, state, seen)
    for name, value in target.named_modules.items():
        _walk(f"module {name}", value, state, seen)
    for number, module in enumerate(target.root_modules):
        _walk(f"root {number}", module, state, seen)
    _walk("losses", target.losses, state, seen)
    return state


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """The names of what has changed."""
    missing = object()
    return [name for name in {**before, **after} if before.get(name, missing) != after.get(name, missing)]


def fill_gradients(target: Target) -> None:
    """Give every parameter a `.grad`, as after a training step, so that one that is lost is missed."""
    for value in _given(target):
        parameters = value.parameters() if isinstance(value, nn.Module) else [value]
        for parameter in parameters:
            if isinstance(parameter, nn.Parameter) and parameter.requires_grad and not _is_lazy(parameter):
                parameter.grad = torch.full_like(parameter, 0.5)


def _given(target: Target) -> Iterator[Any]:
    """The modules, and what else the losses keep in their closure."""
    yield from target.root_modules
    for cell in getattr(target.losses, "__closure__", None) or ():
        content = cell.cell_contents
        yield from _elements(content)


def _elements(value: Any) -> Iterable[Any]:
    if isinstance(value, Mapping):
        return list(value.values())
    return list(value) if isinstance(value, list | tuple) else [value]


def _walk(path: str, value: Any, state: dict[str, Any], seen: set[int]) -> None:
    """Note what a value is, and everything below it, each object where it is met first."""
    leaf = _leaf(value)
    state[path] = id(value) if leaf is None else leaf
    if leaf is not None or id(value) in seen:
        return
    seen.add(id(value))
    for name, part in _parts(value):
        _walk(f"{path}.{name}", part, state, seen)


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        yield "keys", " ".join(str(key if isinstance(key, PLAIN) else id(key)) for key in value)
        yield from ((str(number), content) for number, content in enumerate(value.values()))
    elif isinstance(value, list | tuple | set | frozenset | deque):
        yield "length", len(value)
        yield from ((str(number), content) for number, content in enumerate(value))
    elif isinstance(value, MethodType):
        yield from (("self", value.__self__), ("function", value.__func__))
    elif isinstance(value, FunctionType):
        if not (value.__module__ or "").startswith("torch"):
            read = inspect.getclosurevars(value)
            yield from {**read.nonlocals, **read.globals}.items()
    elif not isinstance(value, type | ModuleType):
        yield from getattr(value, "__dict__", {}).items()
        for kind in type(value).__mro__:
            for name in getattr(kind, "__slots__", ()):
                slot = f"_{kind.__name__}{name}" if name.startswith("__") else name
                if hasattr(value, slot):
                    yield slot, getattr(value, slot)
    if isinstance(value, partial):
        yield from (("function", value.func), ("arguments", value.args), ("keywords", value.keywords))


def _process() -> dict[str, Any]:
    return {
        "torch generator": _bits(torch.get_rng_state()),
        "numpy generator": repr(np.random.get_state(legacy=False)["state"]["key"].tolist())
        + repr(np.random.get_state(legacy=False)["state"]["pos"]),
        "python generator": random.getstate(),
        "default dtype": torch.get_default_dtype(),
        "grad mode": torch.is_grad_enabled(),
        "autocast": torch.is_autocast_enabled("cpu"),
        "modes": (torch._C._len_torch_function_stack(), torch._C._len_torch_dispatch_stack()),
        "anomaly mode": torch.is_anomaly_enabled(),
        "methods of tensors": {name: id(value) for name, value in vars(Tensor).items()},
        "functions of torch": {name: id(value) for name, value in vars(torch).items() if callable(value)},
        "global hooks": {name: list(value) for name, value in vars(nn.modules.module).items() if _is_hooks(name)},
        "limits": (sys.getrecursionlimit(), sys.get_int_max_str_digits(), torch.get_num_threads()),
    }


def _is_hooks(name: str) -> bool:
    return name.startswith("_global_") and name.endswith("_hooks")


def _leaf(value: Any) -> Any:
    """A value that stays as it is when the original changes; None for what has parts."""
    if isinstance(value, Tensor):
        return _of_tensor(value)
    if isinstance(value, np.ndarray):
        return id(value), value.tobytes()
    if isinstance(value, torch.Generator):
        return _bits(value.get_state())
    if isinstance(value, np.random.Generator):
        return repr(value.bit_generator.state)
    if isinstance(value, np.random.RandomState):
        return repr(value.get_state(legacy=False))
    if isinstance(value, random.Random):
        return value.getstate()
    if isinstance(value, _lru_cache_wrapper):
        return value.cache_info().currsize
    return repr(value) if isinstance(value, PLAIN) else None


def _of_tensor(tensor: Tensor) -> tuple[Any, ...]:
    if _is_lazy(tensor):
        return id(tensor), type(tensor)
    version = None if tensor.is_inference() else tensor._version
    described = (
        id(tensor),
        type(tensor),
        tensor.dtype,
        tuple(tensor.shape),
        tensor.requires_grad,
        tensor.is_leaf,
        version,
    )
    hooks = list(tensor._backward_hooks or ())
    grad = tensor.grad if tensor.is_leaf else None
    return *described, hooks, _bits(tensor), None if grad is None else (id(grad), _bits(grad))


def _bits(tensor: Tensor) -> bytes:
    tensor = tensor.detach().to_dense() if tensor.is_sparse else tensor.detach()
    if tensor.is_meta:
        return b""
    return tensor.resolve_conj().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()


def _is_lazy(tensor: Tensor) -> bool:
    return isinstance(tensor, UninitializedParameter | UninitializedBuffer)
