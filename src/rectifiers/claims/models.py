"""What claims train that is not in the library: activations with known mistakes, models of papers."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["WholeArray"]


class _WholeArray(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, one_if: str) -> Tensor:
        ctx.save_for_backward(x)
        ctx.one_if = one_if
        return torch.where(x > 0, x, 0.01 * x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        positive = ctx.saved_tensors[0] > 0
        one = positive.any() if ctx.one_if == "any" else positive.all()
        return gradients[0] * torch.where(one, 1.0, 0.01), None


class WholeArray(nn.Module):
    """Leaky ReLU whose derivative is one number for the whole array: a known mistake.

    Parameters
    ----------
    one_if : {"any", "all"}
        The derivative is 1 if any, or if all, of the array is positive, and 0.01 otherwise.
    """

    def __init__(self, one_if: str = "any") -> None:
        super().__init__()
        self.one_if = one_if

    def forward(self, x: Tensor) -> Tensor:
        """Apply leaky ReLU with slope 0.01."""
        result: Tensor = _WholeArray.apply(x, self.one_if)  # type: ignore[no-untyped-call]
        return result
