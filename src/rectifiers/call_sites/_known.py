"""What is an activation: functions by the name torch gives them, modules by class or by how they act."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from rectifiers import functional
from rectifiers import nn as our_nn
from rectifiers.activations import registry

__all__ = ["BASE", "activation_of_function", "activation_of_module"]

BASE = "_rectifiers_base"  # of a class made on the fly: the class it was made from, and its methods replaced
_OF_TORCH = ("threshold", "hardshrink", "softshrink", "tanhshrink")
_NAMES = (*(name for name in registry if name != "softmax"), *_OF_TORCH)  # softmax is part of attention
_FUNCTIONS = {f"{name}{ending}": name for name in _NAMES for ending in ("", "_")}
_FUNCTIONS.update(_threshold="threshold", log_sigmoid="logsigmoid")
_CLAMPS = frozenset(("clamp", "clamp_", "clamp_min", "clamp_min_", "clip", "clip_"))
_MODULES: dict[type, str] = {
    **dict(zip((nn.Threshold, nn.Hardshrink, nn.Softshrink, nn.Tanhshrink), _OF_TORCH, strict=True)),
    **{kind: name for name, record in registry.items() if name != "softmax"
       for kind in (our_nn.of(record), getattr(nn, record.title, None)) if kind is not None},
}  # fmt: skip
_LARGEST = 1 << 14  # parameters of an unknown module that is tried
_REACH = 3.0


def activation_of_function(
    function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> str | None:
    """Return which activation a call of a torch function is; None for others, integers and ``out=``."""
    x = args[0] if args else kwargs.get("input")
    if kwargs.get("out") is not None or x is None or (isinstance(x, Tensor) and not x.is_floating_point()):
        return None
    name = getattr(function, "__name__", "")
    if name in _FUNCTIONS:
        return _FUNCTIONS[name]
    if name in _CLAMPS:
        low, high = (kwargs.get(k, args[i] if len(args) > i else None) for i, k in ((1, "min"), (2, "max")))
        if isinstance(low, int | float) and low == 0:
            return {None: "relu", 6: "relu6"}.get(high, "hardtanh")
        return None
    record = getattr(function, "record", None)  # of a function made with `rectifiers.elementwise`
    return None if record is None or record.name == "softmax" else str(record.name)


def activation_of_module(module: nn.Module) -> str | None:
    """Return which activation a module is, or None.

    A class of torch or of this library is known. A module of another class is tried on a few numbers: it is
    an activation if it has no submodules, each output depends on its own input alone, and not along one
    line. It has the name of the activation function that has its values, or else of its class.
    """
    kind, _ = getattr(type(module), BASE, (type(module), ()))
    if kind in _MODULES:
        return _MODULES[kind]
    record = getattr(module, "record", None)
    if record is not None and isinstance(module, nn.Module) and type(module).__module__ == "rectifiers.nn":
        return None if record.name == "softmax" else str(record.name)
    if type(module).__module__.startswith(("torch.", "rectifiers.nn")) or any(
        True for _ in module.children()
    ):
        return None
    tensors = [*module.parameters(), *module.buffers()]
    if any(nn.parameter.is_lazy(t) for t in tensors) or sum(t.numel() for t in tensors) > _LARGEST:
        return None
    return _tried(module, tensors[0] if tensors else torch.zeros(()))


def _tried(module: nn.Module, like: Tensor) -> str | None:
    dtype = like.dtype if like.is_floating_point() else torch.float32
    x = torch.linspace(-_REACH, _REACH, 60, dtype=dtype, device=like.device).reshape(3, 4, 5)
    even = torch.arange(60, device=like.device).reshape(3, 4, 5) % 2 == 0
    try:
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            forward = copy.deepcopy(module).eval().forward
            y, other = forward(x.clone()), forward(torch.where(even, x, x + 1))
        elementwise = y.shape == x.shape and torch.equal(y[even], other[even])
        line = torch.linspace(float(y.flatten()[0]), float(y.flatten()[-1]), 60, device=like.device)
        bent = float((y.flatten().float() - line).abs().max()) > 1e-2
    except Exception:  # noqa: BLE001  the module is the user's and was not made for these numbers
        return None
    if not (elementwise and bent):
        return None
    for name in _NAMES:
        with contextlib.suppress(Exception):  # it needs another argument
            if torch.equal(getattr(functional, name)(x), y):
                return name
    return type(module).__name__
