# mypy: disable-error-code="no-untyped-call, no-any-return"
# (Parts of torch have no types.)
"""Maxout, CReLU, Softmax and gated units: those that work along an axis."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable

import torch
from torch import Tensor
from torch.jit import is_tracing  # type: ignore[attr-defined]
from torch.overrides import handle_torch_function, has_torch_function_unary

from rectifiers import backends
from rectifiers.activations import Gated
from rectifiers.activations import maxout as _maxout
from rectifiers.activations._gated import check_halves
from rectifiers.activations._groups import pieces_axis
from rectifiers.backends._torch import torch_executor
from rectifiers.errors import ArgumentError, ShapeError
from rectifiers.functional._docstrings import docstring
from rectifiers.functional._signature import own_code

__all__ = ["crelu", "derive_gated", "maxout", "softmax"]

_softmax = torch.nn.functional.softmax  # of today: a program may put this library's there
_check_pieces = _maxout.parameters["pieces"].check
_check_grouping = _maxout.parameters["grouping"].check


def maxout(input: Tensor, pieces: int = 2, dim: int = 1, grouping: str = "consecutive") -> Tensor:
    """Take the largest of each group of `pieces` features.

    Parameters
    ----------
    input : Tensor
        Any shape and real dtype.
    pieces : int, default 2
        Features per group, at least 1.
    dim : int, default 1
        Axis of the features; its length must be a multiple of `pieces`.
    grouping : {"consecutive", "strided"}, default "consecutive"
        Which features form a group; see Notes.

    Returns
    -------
    Tensor
        With axis `dim` `pieces` times shorter.

    Raises
    ------
    ArgumentError
        ``pieces < 1`` or an unknown grouping.
    ShapeError
        There is no axis `dim`, or its features do not divide into groups.

    Notes
    -----
    Group i holds the *consecutive* features i * pieces ... (i + 1) * pieces - 1, as in the paper, Chainer and
    Paddle. ``grouping="strided"`` takes i, i + M, i + 2 M, ... as TensorFlow Addons does. The first of equal
    pieces takes the gradient, in every mode of differentiation. NaN wins, as in `torch.max`.

    References
    ----------
    Goodfellow, Warde-Farley, Mirza, Courville & Bengio 2013, Maxout networks.
    """
    if has_torch_function_unary(input):
        result: Tensor = handle_torch_function(maxout, (input,), input, pieces, dim, grouping)
        return result
    _check_pieces(pieces, "pieces")
    _check_grouping(grouping, "grouping")
    if is_tracing() or input.is_nested:  # sizes are no numbers, and stay open
        dim %= input.dim()
        consecutive = grouping == "consecutive"
        split = input.unflatten(dim, (-1, pieces) if consecutive else (pieces, -1))
        return split.max(dim + consecutive).values
    shape, axis = pieces_axis(input.shape, pieces, dim, grouping)
    return backends.maxout(input, shape, dim % input.dim(), axis)


def crelu(input: Tensor, dim: int = 1) -> Tensor:
    """Concatenate the positive and the negative part of the input.

    Parameters
    ----------
    input : Tensor
        Any shape with an axis `dim`.
    dim : int, default 1
        Axis of the features.

    Returns
    -------
    Tensor
        With axis `dim` twice as long: all positive parts, then all negative parts.

    Raises
    ------
    ShapeError
        There is no axis `dim`.

    Notes
    -----
    ``(max(0, x), max(0, -x))``. The derivative at 0 is 0 in both halves.

    References
    ----------
    Shang, Sohn, Almeida & Lee 2016, Understanding and improving convolutional neural networks via
    concatenated rectified linear units.
    """
    if has_torch_function_unary(input):
        result: Tensor = handle_torch_function(crelu, (input,), input, dim)
        return result
    if not -input.dim() <= dim < input.dim():
        raise ShapeError(f"`dim` must be an axis of the input, got dim={dim} for shape {tuple(input.shape)}")
    return backends.crelu(input, dim % input.dim())


def softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: torch.dtype | None = None
) -> Tensor:
    """Return positive numbers that sum to one along an axis: exponentials over their sum.

    Parameters
    ----------
    input : Tensor
        Any shape and floating dtype.
    dim : int
        The axis that sums to one. It must be given: torch guesses it, with a warning, when it is not.
    dtype : torch.dtype, optional
        Type the input is cast to first.

    Returns
    -------
    Tensor
        Of the input's shape.

    Raises
    ------
    ArgumentError
        `dim` is not given.

    Notes
    -----
    ``exp(x_j) / sum_k exp(x_k)``, computed by torch, which shifts by the largest so that none overflows.
    """
    if has_torch_function_unary(input):
        result: Tensor = handle_torch_function(softmax, (input,), input, dim, _stacklevel, dtype)
        return result
    if dim is None:
        raise ArgumentError("softmax needs the axis that sums to one: give `dim`, e.g. dim=-1")
    return _softmax(input, dim, dtype=dtype)


@functools.cache
def derive_gated(record: Gated) -> Callable[..., Tensor]:
    """Return the function of a gated unit, ``(input, dim=-1)``: torch's operations, there is no kernel."""
    name, gate, values = record.name, torch_executor(record.gate), record.gate.defaults
    theirs: Callable[..., Tensor] | None = getattr(torch.nn.functional, name, None)

    def function(input: Tensor, dim: int = -1) -> Tensor:
        if has_torch_function_unary(input):
            result: Tensor = handle_torch_function(function, (input,), input, dim)
            return result
        if not (is_tracing() or input.is_nested):  # sizes are no numbers, and torch checks them
            check_halves(input.shape, dim, name)
        if theirs is not None:
            return theirs(input, dim)
        axis = dim % input.dim()
        halves = input.unflatten(axis, (2, -1))  # not `unbind`, whose views must not be written to
        return halves.select(axis, 0) * gate(halves.select(axis, 1), values)

    function = own_code(function, name)
    function.__name__ = function.__qualname__ = name
    function.__module__ = "rectifiers.functional"
    function.record = record  # type: ignore[attr-defined]
    function.__doc__ = docstring(record, inspect.signature(function))
    return function
