# mypy: disable-error-code="no-untyped-call"
# (Parts of torch have no types.)
"""Kernels of Maxout and CReLU under autograd: they are piecewise linear, and act along an axis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from rectifiers.backends._functions import PiecewiseLinear
from rectifiers.backends._kernels import Kernels
from rectifiers.backends._memory_order import InMemory, empty, laid_out

__all__ = ["crelu", "maxout"]


class _AlongAxis:
    """One call: everything but its tensors, which kernels see as they are in memory.

    The methods are those of `rectifiers.backends._functions._Linear`.
    """

    layout: Any

    def __init__(
        self,
        input: Tensor,
        output_shape: list[int],
        value_kernel: Callable[..., Tensor | None],
        slope_kernel: Callable[..., None],
    ) -> None:
        self.dtype, self.shape, self.output_shape = input.dtype, input.shape, output_shape
        self.memory = InMemory(input)
        self.value_kernel, self.slope_kernel = value_kernel, slope_kernel

    def _read(self, tensor: Tensor, shape: Any) -> Tensor:
        """The tensor as the kernel reads it, axes in the order of memory."""
        strides = self.memory.strides(shape)
        return laid_out(tensor, shape, strides, self.dtype).permute(self.memory.order)

    def _empty(self, shape: Any, device: torch.device) -> Tensor:
        """A result that is in memory as the input is."""
        return empty(shape, self.memory.strides(shape), self.dtype, device)

    def value(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Run the kernel of the value."""
        y = self._empty(self.output_shape, x.device)
        seen = y.permute(self.memory.order)
        bits = self.value_kernel(self.layout, self._read(x, self.shape), seen, True)
        assert bits is not None
        return y, bits

    def slope(self, g: Tensor, bits: Tensor) -> Tensor:
        """Run the kernel of the slope."""
        gx = self._empty(self.shape, g.device)
        seen = gx.permute(self.memory.order)
        self.slope_kernel(self.layout, bits.contiguous(), self._read(g, self.output_shape), seen)
        return gx


class _Maxout(_AlongAxis):
    """Maxout: `split` is the input's shape with axis `dim` in groups and pieces, the pieces along `axis`."""

    def __init__(self, kernels: Kernels, input: Tensor, split: tuple[int, ...], dim: int, axis: int) -> None:
        self.split, self.axis = split, axis
        pieces = split[axis]
        groups = input.shape[dim] // pieces
        output_shape = [groups if a == dim else n for a, n in enumerate(input.shape)]
        super().__init__(input, output_shape, kernels.maxout_value, kernels.maxout_slope)
        outer, inner = self.memory.around(input.shape, dim)
        consecutive = axis == dim + 1
        self.layout = (outer * groups, pieces, inner) if consecutive else (outer, pieces, groups * inner)

    def slope_by_torch(self, g: Tensor, slopes: Tensor) -> Tensor:
        """The gradient goes to the piece that won."""
        return torch.where(slopes > 0, g.unsqueeze(self.axis).expand(self.split).reshape(self.shape), 0.0)

    def along(self, tangent: Tensor, slopes: Tensor) -> Tensor:
        """Of the pieces that won."""
        return torch.where(slopes > 0, tangent, 0.0).reshape(self.split).sum(self.axis)

    def ones(self, device: torch.device) -> Tensor:
        """A slope is 1 where a piece won, else 0."""
        return torch.ones(self.output_shape, dtype=self.dtype, device=device)


class _CReLU(_AlongAxis):
    """CReLU along axis `dim`."""

    def __init__(self, kernels: Kernels, input: Tensor, dim: int) -> None:
        self.dim = dim
        output_shape = [n * (2 if a == dim else 1) for a, n in enumerate(input.shape)]
        super().__init__(input, output_shape, kernels.crelu_value, kernels.crelu_slope)
        outer, inner = self.memory.around(input.shape, dim)
        self.layout = (outer, input.shape[dim] * inner)

    def slope_by_torch(self, g: Tensor, slopes: Tensor) -> Tensor:
        """The first half of the gradient minus the second, each where its half passes it on."""
        first, second = g.chunk(2, self.dim)
        return torch.where(slopes.abs() == 1, first, 0.0) - torch.where(slopes < 0, second, 0.0)

    def along(self, tangent: Tensor, slopes: Tensor) -> Tensor:
        """Of both halves."""
        parts = torch.where(slopes.abs() == 1, tangent, 0.0), torch.where(slopes < 0, -tangent, 0.0)
        return torch.cat(parts, self.dim)

    def ones(self, device: torch.device) -> Tensor:
        """1 and 2, so that a slope is 1, -2, 0, or -1 at NaN, which both halves pass on."""
        ones = torch.ones(self.shape, dtype=self.dtype, device=device)
        return torch.cat((ones, 2 * ones), self.dim)


def maxout(kernels: Kernels, input: Tensor, split: tuple[int, ...], dim: int, axis: int) -> Tensor:
    """Take the largest piece of each group; arguments as `rectifiers.backends.maxout` has them."""
    result: Tensor = PiecewiseLinear.apply(_Maxout(kernels, input, split, dim, axis), input)[0]
    return result


def crelu(kernels: Kernels, input: Tensor, dim: int) -> Tensor:
    """Concatenate both parts along axis `dim`, which is not negative."""
    result: Tensor = PiecewiseLinear.apply(_CReLU(kernels, input, dim), input)[0]
    return result
