"""An activation at a sample of its inputs: values and slopes, without disturbing the model that calls it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from rectifiers import functional
from rectifiers.call_sites import Call

__all__ = ["marked", "slope_at", "values_at"]

_THROUGH_ZERO = ("leaky_relu", "prelu", "rrelu")  # y / x is the slope, whatever it is, learned or random
_CLIPPED = ("relu6", "hardtanh", "threshold", "hardshrink")
_OURS = ("torch", "rectifiers")


def slope_at(call: Call, x: Tensor, y: Tensor) -> Tensor | None:
    """Return f'(x) for part of the inputs and outputs of a call; None where each output has several inputs.

    Modules other than those of torch and of this library run once more on `x`, without their hooks.
    """
    if y.shape != x.shape:
        return None
    if call.activation == "relu":
        return 1.0 - marked(torch.le, x, 0.0)  # 1 at NaN, as torch's: a network that has diverged is not dead
    if call.activation in _CLIPPED:
        return (marked(torch.eq, y, x) * marked(torch.ne, x, 0.0)).masked_fill(x.isnan(), torch.nan)
    if call.activation in _THROUGH_ZERO:
        return torch.where(x > 0, 1.0, torch.where(x == 0, 0.0, y / x))
    function = _function_of(call)
    if function is None:
        return None
    devices = [x.device] if x.is_cuda else []
    known = call.module is None or type(call.module).__module__.startswith(_OURS)
    with (
        torch.enable_grad(),
        torch.autocast(x.device.type, enabled=False),
        # not those of activation checkpointing, which counts what is saved
        torch.autograd.graph.saved_tensors_hooks(lambda saved: saved, lambda saved: saved),
        torch.random.fork_rng(devices=devices, enabled=not known),
    ):
        leaf = x.detach().requires_grad_()
        z = function(leaf.clone())
        if not z.requires_grad:
            return torch.zeros_like(x)
        return torch.autograd.grad(z.sum(), leaf, materialize_grads=True)[0]


def values_at(call: Call, x: Tensor, units: int) -> Tensor | None:
    """Return f(x) of the first unit at points; None where the activation cannot be called with them."""
    function = _function_of(call)
    if function is None:
        return None
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        try:
            return function(x[:, None].repeat(1, units)).double()[:, 0]
        except (RuntimeError, ValueError, IndexError):  # on another device, or made for other shapes
            return None


def marked(compare: Callable[..., Any], x: Tensor, value: float | Tensor) -> Tensor:
    """Return 1.0 where a comparison holds and 0.0 elsewhere: many times as fast as by way of booleans."""
    ones: Tensor = compare(x, value, out=torch.empty_like(x))
    return ones


def _function_of(call: Call) -> Callable[[Tensor], Tensor] | None:
    """The module's forward; of a function, which may have had arguments, that with its defaults."""
    if call.module is not None:
        forward: Callable[[Tensor], Tensor] = call.module.forward
        return forward
    found = getattr(functional, call.activation, None) or getattr(torch.nn.functional, call.activation, None)
    return found or call.function
