"""Maxout, CReLU and Softmax: the three that work along an axis."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.overrides import handle_torch_function, has_torch_function_unary

from rectifiers.activations import maxout as _maxout
from rectifiers.activations.maxout import pieces_axis
from rectifiers.errors import ArgumentError, ShapeError

__all__ = ["crelu", "maxout", "softmax"]


def maxout(input: Tensor, pieces: int = 2, dim: int = 1, grouping: str = "consecutive") -> Tensor:
    """Maxout."""
    if has_torch_function_unary(input):
        result: Tensor = handle_torch_function(maxout, (input,), input, pieces, dim, grouping)
        return result
    _maxout.parameters["pieces"].check(pieces, "pieces")
    _maxout.parameters["grouping"].check(grouping, "grouping")
    shape, axis = pieces_axis(tuple(input.shape), pieces, dim, grouping)
    return input.reshape(shape).max(axis).values


def crelu(input: Tensor, dim: int = 1) -> Tensor:
    """CReLU."""
    if has_torch_function_unary(input):
        result: Tensor = handle_torch_function(crelu, (input,), input, dim)
        return result
    if not -input.dim() <= dim < input.dim():
        raise ShapeError(f"`dim` must be an axis of the input, got dim={dim} for shape {tuple(input.shape)}")
    return torch.cat((torch.relu(input), torch.relu(-input)), dim)


def softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: torch.dtype | None = None
) -> Tensor:
    """Softmax."""
    if dim is None:
        raise ArgumentError("softmax needs the axis that sums to one: give `dim`, e.g. dim=-1")
    return torch.softmax(input, dim, dtype)
