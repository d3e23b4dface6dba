"""Everything an audit might leave behind, as values that can be compared bit by bit."""

import random
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter

from audits import Target

PLAIN = (bool, int, float, complex, str, bytes, type(None), torch.dtype, torch.device)


def footprint(target: Target) -> dict[str, Any]:
    """The state of a target, of every random generator and of torch itself."""
    state: dict[str, Any] = {"batches": _frozen(target.batches), **_process()}
    for number, value in enumerate(_given(target)):
        if isinstance(value, nn.Module):
            state.update(_of_module(f"module {number}", value))
        else:
            state[f"value {number}"] = _frozen(value)
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


def _of_module(name: str, module: nn.Module) -> dict[str, Any]:
    state = {
        f"{name} {path}.{attribute}": _frozen(value)
        for path, part in module.named_modules(remove_duplicate=False)
        for attribute, value in vars(part).items()
    }
    tensors = (module.named_parameters(remove_duplicate=False), module.named_buffers(remove_duplicate=False))
    return state | {f"{name} {path}": _frozen(tensor) for named in tensors for path, tensor in named}


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


def _frozen(value: Any) -> Any:
    """A value that stays as it is when the original changes: tensors by identity and bits."""
    if isinstance(value, Tensor):
        return _of_tensor(value)
    if isinstance(value, torch.Generator):
        return _bits(value.get_state())
    if isinstance(value, np.random.Generator):
        return repr(value.bit_generator.state)
    if isinstance(value, random.Random):
        return value.getstate()
    if isinstance(value, PLAIN):
        return repr(value)
    if isinstance(value, Mapping):
        return {str(key): _frozen(content) for key, content in value.items()}
    if isinstance(value, list | tuple | set | deque):
        return [_frozen(content) for content in value]
    return id(value)


def _of_tensor(tensor: Tensor) -> tuple[Any, ...]:
    if _is_lazy(tensor):
        return id(tensor), type(tensor)
    described = (id(tensor), type(tensor), tensor.dtype, tuple(tensor.shape), tensor.requires_grad, tensor.is_leaf)
    hooks = list(tensor._backward_hooks or ())
    grad = tensor.grad if tensor.is_leaf else None
    return *described, hooks, _bits(tensor), None if grad is None else (id(grad), _bits(grad))


def _bits(tensor: Tensor) -> bytes:
    tensor = tensor.detach().to_dense() if tensor.is_sparse else tensor.detach()
    return tensor.resolve_conj().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()


def _is_lazy(tensor: Tensor) -> bool:
    return isinstance(tensor, UninitializedParameter | UninitializedBuffer)
