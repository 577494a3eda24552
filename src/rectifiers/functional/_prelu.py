"""PReLU: its slope is a tensor, matched to an axis of the input."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.overrides import handle_torch_function, has_torch_function

from rectifiers.errors import ShapeError

__all__ = ["prelu"]


def prelu(input: Tensor, weight: Tensor, dim: int = 1) -> Tensor:
    """PReLU."""
    if has_torch_function((input, weight)):
        result: Tensor = handle_torch_function(prelu, (input, weight), input, weight, dim=dim)
        return result
    if weight.numel() != 1:
        weight = weight.view(_along(input, weight, dim))
    else:
        weight = weight.reshape(())
    positive = input > 0
    # The inner `where` keeps 0 * infinity out of the slope's gradient.
    return torch.where(positive, input, weight * torch.where(positive, 0.0, input))


def _along(input: Tensor, weight: Tensor, dim: int) -> list[int]:
    if weight.dim() != 1:
        raise ShapeError(f"`weight` must have one axis, got shape {tuple(weight.shape)}")
    if not -input.dim() <= dim < input.dim() or input.shape[dim] != weight.shape[0]:
        raise ShapeError(
            f"`weight` must have as many slopes as the input has features along dim={dim}, "
            f"got weight of shape {tuple(weight.shape)} and input of shape {tuple(input.shape)}"
        )
    shape = [1] * input.dim()
    shape[dim] = weight.shape[0]
    return shape
