"""The axes of a tensor in the order in which they lie in memory."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from rectifiers.backends._kernels import Layout

__all__ = ["InMemory", "dense", "swapped"]


class InMemory:
    """The axes in the order in which they lie in memory: kernels see contiguous tensors, layouts are kept."""

    def __init__(self, input: Tensor) -> None:
        axes, strides = range(input.dim()), input.stride()
        self.order = sorted(axes, key=lambda axis: (-strides[axis], axis))
        if not input.permute(self.order).is_contiguous():
            self.order = list(axes)
        self.back = sorted(axes, key=self.order.__getitem__)

    def seen(self, tensor: Tensor) -> Tensor:
        """The tensor as the kernels see it; a copy if it lies differently."""
        return tensor.permute(self.order).contiguous()

    def empty(self, shape: Sequence[int], like: Tensor) -> Tensor:
        """A new tensor of this shape that lies as the others do."""
        strides, product = [0] * len(shape), 1
        for axis in reversed(self.order):
            strides[axis] = product
            product *= shape[axis]
        return torch.empty_strided(shape, strides, dtype=like.dtype, device=like.device)

    def around(self, shape: torch.Size, dim: int) -> tuple[int, int]:
        """Number of elements outside of axis `dim` and inside of it, in memory."""
        place = self.back[dim]
        lengths = [shape[axis] for axis in self.order]
        return math.prod(lengths[:place]), math.prod(lengths[place + 1 :])


def swapped(tensor: Tensor) -> Layout | None:
    """Return (outer, channels, places) if the tensor, so in logical order, lies as (outer, places, channels).

    As with channels last, where places are height and width. None for any other order, the logical one too.
    """
    shape = tensor.shape
    order = [axis for axis in InMemory(tensor).order if shape[axis] != 1]
    logical = sorted(order)
    if order == logical:
        return None
    outer = next(place for place, axis in enumerate(logical) if order[place] != axis)
    split = order.index(logical[outer])
    if order[split:] + order[outer:split] != logical[outer:]:
        return None
    around, places, channels = (
        math.prod(shape[axis] for axis in part) for part in (order[:outer], order[outer:split], order[split:])
    )
    return around, channels, places


def dense(tensor: Tensor) -> bool:
    """Whether the elements fill their memory, each its own."""
    expected = 1
    for stride, length in sorted(zip(tensor.stride(), tensor.shape, strict=True)):
        if length != 1:
            if stride != expected:
                return False
            expected *= length
    return True
