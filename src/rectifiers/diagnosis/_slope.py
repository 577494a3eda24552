"""The derivative of an activation at a sample of its inputs, without disturbing the model that calls it."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from rectifiers import functional
from rectifiers.call_sites import Call

__all__ = ["function_of", "slope_at"]

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
        return (x > 0).to(x.dtype)
    if call.activation in _CLIPPED:
        return ((y == x) & (x != 0)).to(x.dtype)
    if call.activation in _THROUGH_ZERO:
        return torch.where(x > 0, torch.ones_like(x), torch.where(x == 0, 0.0, y / x))
    function = function_of(call)
    if function is None:
        return None
    devices = [x.device] if x.is_cuda else []
    known = call.module is None or type(call.module).__module__.startswith(_OURS)
    with (
        torch.enable_grad(),
        torch.autocast(x.device.type, enabled=False),
        # not those of activation checkpointing, which counts what is saved
        torch.autograd.graph.saved_tensors_hooks(_same, _same),
    ):
        leaf = x.detach().requires_grad_()
        if known:
            z = function(leaf.clone())
        else:
            with torch.random.fork_rng(devices=devices):
                z = function(leaf.clone())
        if not z.requires_grad:
            return torch.zeros_like(x)
        return torch.autograd.grad(z.sum(), leaf, materialize_grads=True)[0]


def _same(value: Tensor) -> Tensor:
    return value


def function_of(call: Call) -> Callable[[Tensor], Tensor] | None:
    """The module's forward; of a function, which may have had arguments, that with its defaults."""
    if call.module is not None:
        forward: Callable[[Tensor], Tensor] = call.module.forward
        return forward
    found = getattr(functional, call.activation, None) or getattr(torch.nn.functional, call.activation, None)
    return found or call.function
