"""Maxout and CReLU by kernels, under autograd."""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor
from torch._functorch.pyfunctorch import temporarily_clear_interpreter_stack

from rectifiers.backends._autograd import apply
from rectifiers.backends._choice import obstacle
from rectifiers.backends._kernels import Kernels
from rectifiers.backends._memory_order import InMemory

__all__ = ["crelu", "maxout"]


class _Axis(Protocol):
    """What one call does, and its derivative: linear in g, so that one is enough."""

    def value(self, input: Tensor, keep: bool) -> tuple[Tensor, Tensor | None]:
        """Return the output and packed bits."""
        ...

    def slope(self, bits: Tensor, g: Tensor) -> Tensor:
        """Return the gradient by the input."""
        ...

    def slopes(self, bits: Tensor, g: Tensor) -> Tensor:
        """The same in torch's operations, which can be differentiated again."""
        ...


class _Maxout:
    """Maxout: `split` is the input's shape with axis `dim` in groups and pieces, the pieces along `axis`."""

    def __init__(self, kernels: Kernels, input: Tensor, split: tuple[int, ...], dim: int, axis: int) -> None:
        self.kernels, self.split, self.dim, self.axis = kernels, split, dim, axis
        self.pieces = split[axis]
        self.memory = InMemory(input)
        self.shape = input.shape
        groups = input.shape[dim] // self.pieces
        self.output_shape = [groups if a == dim else length for a, length in enumerate(input.shape)]
        outer, inner = self.memory.around(input.shape, dim)
        consecutive = axis == dim + 1
        self.layout = (
            (outer * groups, self.pieces, inner) if consecutive else (outer, self.pieces, groups * inner)
        )

    def value(self, input: Tensor, keep: bool) -> tuple[Tensor, Tensor | None]:
        output = self.memory.empty(self.output_shape, input)
        y = output.permute(self.memory.order)
        return output, self.kernels.maxout_value(self.layout, self.memory.seen(input), y, keep)

    def slope(self, bits: Tensor, g: Tensor) -> Tensor:
        gx = self.memory.empty(list(self.shape), g)
        self.kernels.maxout_slope(self.layout, bits, self.memory.seen(g), gx.permute(self.memory.order))
        return gx

    def slopes(self, bits: Tensor, g: Tensor) -> Tensor:
        spread = g.unsqueeze(self.axis).expand(self.split).reshape(self.shape)
        return spread * _constant(self, bits, self.output_shape, g.dtype)


class _CReLU:
    """CReLU along axis `dim`."""

    def __init__(self, kernels: Kernels, input: Tensor, dim: int) -> None:
        self.kernels, self.dim = kernels, dim
        self.memory = InMemory(input)
        self.shape = input.shape
        self.output_shape = [length * (2 if a == dim else 1) for a, length in enumerate(input.shape)]
        outer, inner = self.memory.around(input.shape, dim)
        self.layout = (outer, input.shape[dim] * inner)

    def value(self, input: Tensor, keep: bool) -> tuple[Tensor, Tensor | None]:
        output = self.memory.empty(self.output_shape, input)
        y = output.permute(self.memory.order)
        return output, self.kernels.crelu_value(self.layout, self.memory.seen(input), y, keep)

    def slope(self, bits: Tensor, g: Tensor) -> Tensor:
        gx = self.memory.empty(list(self.shape), g)
        self.kernels.crelu_slope(self.layout, bits, self.memory.seen(g), gx.permute(self.memory.order))
        return gx

    def slopes(self, bits: Tensor, g: Tensor) -> Tensor:
        sign = _constant(self, bits, self.output_shape, g.dtype)
        first, second = g.chunk(2, self.dim)
        return first * (sign > 0) - second * (sign < 0)


def _constant(axis: _Axis, bits: Tensor, shape: list[int], dtype: torch.dtype) -> Tensor:
    """The gradient for a g of ones."""
    with temporarily_clear_interpreter_stack():  # a kernel reads memory, not what a transform wraps
        return axis.slope(bits, torch.ones(shape, dtype=dtype, device=bits.device))


class _Function(torch.autograd.Function):
    """Forward and backward by kernels."""

    @staticmethod
    def forward(ctx: Any, axis: _Axis, input: Tensor) -> Tensor:
        """Compute the value; keep packed bits."""
        output, bits = axis.value(input, True)
        ctx.axis = axis
        ctx.save_for_backward(bits)
        return output

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Any, ...]:
        """Send the gradient to where the value came from."""
        (bits,) = ctx.saved_tensors
        axis: _Axis = ctx.axis
        again = torch.is_grad_enabled() or obstacle(g)
        return None, axis.slopes(bits, g) if again else axis.slope(bits, g)


def _along(axis: _Axis, input: Tensor) -> Tensor:
    if torch.is_grad_enabled() and input.requires_grad:
        result: Tensor = apply(_Function)(axis, input)
        return result
    return axis.value(input, False)[0]


def maxout(kernels: Kernels, input: Tensor, split: tuple[int, ...], dim: int, axis: int) -> Tensor:
    """Take the largest piece of each group.

    Parameters
    ----------
    input : Tensor
        One that `obstacle` has nothing against.
    split : tuple of int
        The input's shape with axis `dim` split into groups and pieces.
    dim : int
        Not negative.
    axis : int
        The axis of `split` that counts the pieces: `dim` or `dim` + 1.
    """
    return _along(_Maxout(kernels, input, split, dim, axis), input)


def crelu(kernels: Kernels, input: Tensor, dim: int) -> Tensor:
    """Concatenate both parts along axis `dim`, which is not negative."""
    return _along(_CReLU(kernels, input, dim), input)
