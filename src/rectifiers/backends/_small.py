"""The shortest way for small tensors, where what a call costs is all there is to save.

Autograd functions in Python cost more than a small tensor's arithmetic, so that here everything is torch's
own operations, as few of them as there can be.
"""

from __future__ import annotations

import functools

import torch
import torch.nn.functional as F
from torch import Tensor

from rectifiers.activations import Elementwise, gelu, mish, prelu, rrelu, silu
from rectifiers.backends._arguments import Channels, Random
from rectifiers.backends._autograd import elementwise
from rectifiers.backends._choice import TENSORS, choose
from rectifiers.backends._kernels import Values
from rectifiers.backends._torch import Execute

__all__ = ["SMALL", "small_executor"]

SMALL = 1 << 14
"""No small way is taken from this number of elements on."""


def small_executor(record: Elementwise, plain: Execute) -> Execute:
    """Return what applies an activation to a tensor that is too small for kernels."""
    if record is prelu:
        return _prelu(plain)
    if record in _SAFE:
        return _within(record, plain)
    return _rrelu(plain) if record is rrelu else plain


# Where torch's own gives neither NaN nor wrong derivatives of any order, and what it is.
_SAFE: dict[Elementwise, tuple[float, float, Execute]] = {
    gelu: (-50.0, 50.0, lambda x, approximate: F.gelu(x, approximate=approximate)),
    silu: (-1000.0, 1000.0, F.silu),
    mish: (-80.0, 80.0, F.mish),
}


def _readable(input: Tensor) -> bool:
    """Whether Python may look at the elements of a tensor, and at no great cost."""
    return (
        not torch._C._are_functorch_transforms_active()
        and type(input) in TENSORS
        and torch._C._has_storage(input)
        and torch._C._len_torch_dispatch_stack() == 0
        and input.device.type == "cpu"
    )


def _within(record: Elementwise, plain: Execute) -> Execute:
    """A look at the smallest and the largest element costs less than a guard around every one."""
    low, high, own = _SAFE[record]

    def execute(input: Tensor, values: Values, inplace: bool = False) -> Tensor:
        if inplace or not input.numel() or not input.is_floating_point() or not _readable(input):
            return plain(input, values, inplace)
        smallest, largest = torch.aminmax(input.detach())
        if low < smallest.item() and largest.item() < high:  # not if one is NaN
            return own(input, *values)
        kernels, _ = choose(record, input, "auto")
        if kernels is None:
            return plain(input, values, inplace)
        return elementwise(record, kernels, input, values, inplace)

    return execute


def _prelu(plain: Execute) -> Execute:
    """Torch's own is right wherever no input is 0; there it takes the slope 1 in second derivatives."""

    def execute(input: Tensor, values: Values, inplace: bool = False) -> Tensor:
        (value,) = values
        if (
            inplace
            or not isinstance(value, Channels)
            or (value.weight.numel() != 1 and value.dim % input.dim() != 1)
            or value.weight.dtype != input.dtype
            or not _readable(input)
            or torch.is_autocast_enabled("cpu")  # torch's own would take the lower precision
            or not input.all()
        ):
            return plain(input, values, inplace)
        return torch.prelu(input, value.weight if value.weight.dim() == 1 else value.weight.reshape(1))

    return execute


def _rrelu(plain: Execute) -> Execute:
    """The kernel draws the slopes, with 1 where the input is positive; torch multiplies."""

    def execute(input: Tensor, values: Values, inplace: bool = False) -> Tensor:
        (value,) = values
        if not isinstance(value, Random) or input.device.type != "cpu":
            return plain(input, values, inplace)
        kernels, _ = choose(rrelu, input, "auto")
        if kernels is None:
            return plain(input, values, inplace)
        if input.dtype not in (torch.float32, torch.float64) or not input.is_contiguous():
            return elementwise(rrelu, kernels, input, values, inplace)
        n = input.numel()
        factor = torch.empty_like(input)
        drawn = (value.draw(input.device),)
        kernels.slope(rrelu, drawn, (1, 1, n), "input", input, _ones(input.dtype), factor)
        return input.mul_(factor) if inplace else input * factor

    return execute


@functools.cache
def _ones(dtype: torch.dtype) -> Tensor:
    return torch.ones(SMALL, dtype=dtype)
