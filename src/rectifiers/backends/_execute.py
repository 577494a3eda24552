"""How any activation is executed: by a kernel under autograd, or by torch's own operations."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from rectifiers.activations import Elementwise, Uniform
from rectifiers.activations import crelu as _crelu
from rectifiers.activations import leaky_relu as _leaky_relu
from rectifiers.activations import maxout as _maxout
from rectifiers.activations import prelu as _prelu
from rectifiers.activations import rrelu as _rrelu
from rectifiers.backends import _along_axis, _functions
from rectifiers.backends._arguments import Random
from rectifiers.backends._eligible import has_kernel, kernels_for, requested
from rectifiers.backends._torch import Execute, overwrite, torch_crelu, torch_executor, torch_maxout
from rectifiers.errors import BackendError

__all__ = ["crelu", "executor", "maxout"]

_MOST_PIECES = 64  # whose winners kernels save: their code is written out, piece by piece


def executor(record: Elementwise) -> Execute:
    """Return what applies an elementwise activation to a tensor.

    Parameters
    ----------
    record : Elementwise
        A built-in activation, or one made with `rectifiers.elementwise`.

    Returns
    -------
    callable
        Of ``(input, values, inplace=False)``: a tensor of any shape and floating dtype; the value of every
        parameter in order, a number, a word, `Channels` or `Random`; and whether to write the result into
        `input`.
    """
    by_torch = torch_executor(record)
    if not has_kernel(record):
        return by_torch
    fixed = executor(_leaky_relu) if record is _rrelu else None
    random = any(isinstance(parameter, Uniform) for parameter in record.parameters.values())

    def execute(input: Tensor, values: tuple[Any, ...], inplace: bool = False) -> Tensor:
        if fixed is not None and not isinstance(values[0], Random):
            return fixed(input, values, inplace)
        # In place, torch's own saves nothing but the output, as a kernel would.
        if inplace and requested() in ("auto", "torch") and by_torch.in_place(values):
            return by_torch(input, values, True)
        if inplace:
            return overwrite(execute, input, values)
        kernels = None if random and _shared(record, values) else kernels_for(record, input)
        if kernels is None or (record is _prelu and _autocast(input)):
            return by_torch(input, values)
        return _functions.elementwise(record, kernels, input, values)

    return execute


def _shared(record: Elementwise, values: tuple[Any, ...]) -> bool:
    """Whether elements share random numbers, which no kernel draws."""
    if not any(isinstance(value, Random) and value.per != "element" for value in values):
        return False
    if requested() not in ("auto", "torch"):
        raise BackendError(
            f"{record.name}: the backend {requested()!r} was requested but cannot run: "
            "a kernel draws one number per element"
        )
    return True


def _autocast(input: Tensor) -> bool:
    """Whether autocast changes the type of the input, as it does for PReLU alone of those with kernels."""
    kind = input.device.type
    return torch.is_autocast_enabled(kind) and input.dtype != torch.get_autocast_dtype(kind)


def maxout(input: Tensor, split: tuple[int, ...], dim: int, axis: int) -> Tensor:
    """Take the largest piece of each group.

    Parameters
    ----------
    input : Tensor
    split : tuple of int
        The input's shape with axis `dim` split into groups and pieces.
    dim : int
        Not negative.
    axis : int
        The axis of `split` that counts the pieces: `dim` or `dim` + 1.
    """
    kernels = kernels_for(_maxout, input) if split[axis] <= _MOST_PIECES else None
    if kernels is None:
        return torch_maxout(input, split, dim, axis)
    return _along_axis.maxout(kernels, input, split, dim, axis)


def crelu(input: Tensor, dim: int) -> Tensor:
    """Concatenate the positive and the negative part along axis `dim`, which is not negative."""
    kernels = kernels_for(_crelu, input)
    if kernels is None:
        return torch_crelu(input, dim)
    return _along_axis.crelu(kernels, input, dim)
