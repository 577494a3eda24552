"""How the elements of a tensor are in memory, and how a kernel gets to read them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from rectifiers.backends._kernels import Layout

__all__ = ["PLAIN", "InMemory", "dense", "empty", "in_memory", "laid_out", "layout_of", "strides_like"]

PLAIN = (Tensor, torch.nn.Parameter)
"""The types of tensors that kernels read; any other may mean something else by its memory."""


class InMemory:
    """The axes in the order in which they are in memory: kernels see contiguous tensors."""

    def __init__(self, input: Tensor) -> None:
        axes, strides = range(input.dim()), input.stride()
        self.order = sorted(axes, key=lambda axis: (-strides[axis], axis))
        if input.is_contiguous() or not input.permute(self.order).is_contiguous():
            self.order = list(axes)
        self.back = sorted(axes, key=self.order.__getitem__)

    def strides(self, shape: Sequence[int]) -> tuple[int, ...]:
        """The strides of a tensor of this shape that is in memory as the input is."""
        strides, product = [0] * len(shape), 1
        for axis in reversed(self.order):
            strides[axis] = product
            product *= shape[axis]
        return tuple(strides)

    def around(self, shape: torch.Size, dim: int) -> tuple[int, int]:
        """Number of elements outside of axis `dim` and inside of it, in memory."""
        place = self.back[dim]
        lengths = [shape[axis] for axis in self.order]
        return math.prod(lengths[:place]), math.prod(lengths[place + 1 :])


def dense(tensor: Tensor) -> bool:
    """Whether the elements fill their memory, each its own."""
    expected = 1
    for stride, length in sorted(zip(tensor.stride(), tensor.shape, strict=True)):
        if length != 1:
            if stride != expected:
                return False
            expected *= length
    return True


def strides_like(tensor: Tensor) -> tuple[int, ...]:
    """Return the strides of a result that is in memory as the tensor is, whose elements fill their memory."""
    return tensor.stride() if dense(tensor) else torch.empty_like(tensor, device="meta").stride()


def in_memory(tensor: Tensor) -> bool:
    """Whether a plain tensor's elements are at its address: not so in transforms, of zero tensors."""
    if type(tensor) not in PLAIN:
        return False
    try:
        return bool(tensor.data_ptr()) and not tensor.is_neg()
    except RuntimeError:  # how torch says that there is no address
        return False


def empty(shape: Sequence[int], strides: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return a tensor for a kernel to write to; an error where a dispatch mode hands out something else."""
    made = torch.empty_strided(shape, strides, dtype=dtype, device=device)
    if not in_memory(made):
        raise RuntimeError(f"a kernel writes plain tensors, got a {type(made).__name__} from a dispatch mode")
    return made


def laid_out(tensor: Tensor, shape: Sequence[int], strides: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """Return the tensor with these strides, itself or a copy, for a kernel that reads its memory.

    Raises
    ------
    RuntimeError
        It is not of that shape and type: a saved-tensor hook has brought back something else.
    """
    if type(tensor) not in PLAIN:
        raise RuntimeError(f"a kernel reads plain tensors, got a {type(tensor).__name__}")
    if tensor.shape != tuple(shape) or tensor.dtype != dtype:
        raise RuntimeError(
            f"expected a tensor of {dtype} and shape {tuple(shape)}, but got {tensor.dtype} and "
            f"{tuple(tensor.shape)}"
        )
    if tensor.stride() == strides and in_memory(tensor):
        return tensor
    return torch.empty_strided(shape, strides, dtype=dtype, device=tensor.device).copy_(tensor)


def layout_of(input: Tensor, dim: int) -> Layout:
    """Return (outer, channels, inner) of a dense tensor as it is in memory; `channels` along `dim`."""
    shape, strides = input.shape, input.stride()
    dim %= input.dim()
    outer = inner = 1
    for axis, length in enumerate(shape):
        if axis != dim and length != 1:
            if strides[axis] > strides[dim]:
                outer *= length
            else:
                inner *= length
    return outer, shape[dim], inner
