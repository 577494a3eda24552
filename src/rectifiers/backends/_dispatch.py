"""How any activation is executed: kernels where they run and pay, torch's operations elsewhere."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.compiler import is_compiling

from rectifiers.activations import Activation, Elementwise, Learned, Uniform
from rectifiers.activations import crelu as _crelu
from rectifiers.activations import maxout as _maxout
from rectifiers.backends._along_axis import crelu as kernel_crelu
from rectifiers.backends._along_axis import maxout as kernel_maxout
from rectifiers.backends._autograd import elementwise, flat
from rectifiers.backends._choice import asked, choose, requested
from rectifiers.backends._kernels import Kernels
from rectifiers.backends._small import small_executor
from rectifiers.backends._thresholds import NEVER, bytes_on_gpu, elements_on_cpu
from rectifiers.backends._torch import Execute, torch_crelu, torch_executor, torch_maxout
from rectifiers.backends._usual import Usual

__all__ = ["crelu", "decide", "executor", "executors", "maxout", "worthwhile"]


def worthwhile(record: Activation, input: Tensor) -> int:
    """Return the number of elements from which kernels run an activation unasked, where `input` is."""
    if input.is_cpu:
        return elements_on_cpu(record)
    enough = bytes_on_gpu(record)
    return enough if enough == NEVER else enough // input.itemsize


def executor(record: Elementwise) -> Execute:
    """Return what applies an elementwise activation to a tensor: see `executors`."""
    return executors(record)[0]


def executors(record: Elementwise) -> tuple[Execute, Usual | None]:
    """Return what applies an elementwise activation to a tensor, and what does it in the usual case.

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
    callable or None
        See `Usual`.
    """
    plain = torch_executor(record)
    small, usual = small_executor(record, plain)
    on_cpu, on_gpu = elements_on_cpu(record), bytes_on_gpu(record)
    special = any(isinstance(parameter, Learned | Uniform) for parameter in record.parameters.values())

    def execute(input: Tensor, values: tuple[Any, ...], inplace: bool = False) -> Tensor:
        name = asked.name  # `requested` without the call
        if name == "auto":
            if is_compiling():
                return plain(input, values, inplace)
            if input.numel() < (on_cpu if input.is_cpu else on_gpu // input.itemsize):
                return small(input, values, inplace)
        kernels, _ = choose(record, input, name)
        if kernels is None:
            return plain(input, values, inplace)
        if not special and not inplace:
            return flat(record, kernels, input, values)
        return elementwise(record, kernels, input, values, inplace)

    return execute, usual


def decide(record: Activation, input: Tensor) -> tuple[Kernels | None, str]:
    """Return the kernels that run a call, or None for torch's operations; and why.

    What `executor`, `maxout` and `crelu` do, at more leisure.
    """
    name = requested()
    if name == "auto":
        if is_compiling():
            return None, "a compiler is tracing"
        enough = worthwhile(record, input)
        if enough == NEVER:
            return None, "torch's own is at the limit"
        if input.numel() < enough:
            return None, f"{input.numel()} elements; kernels pay from {enough} on"
        kernels, reason = choose(record, input, name)
        return kernels, reason or f"{input.numel()} elements; kernels pay from {enough} on"
    return choose(record, input, name)


def _kernels(record: Activation, input: Tensor) -> Kernels | None:
    name = asked.name
    if name == "auto" and (is_compiling() or input.numel() < worthwhile(record, input)):
        return None
    return choose(record, input, name)[0]


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
    kernels = _kernels(_maxout, input)
    if kernels is None:
        return torch_maxout(input, split, dim, axis)
    return kernel_maxout(kernels, input, split, dim, axis)


def crelu(input: Tensor, dim: int) -> Tensor:
    """Concatenate the positive and the negative part along axis `dim`, which is not negative."""
    kernels = _kernels(_crelu, input)
    if kernels is None:
        return torch_crelu(input, dim)
    return kernel_crelu(kernels, input, dim)
