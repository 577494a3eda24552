"""Random slopes that depend on nothing but the generator, the shape and the dtype."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["draw"]


def draw(input: Tensor, lower: float, upper: float, generator: torch.Generator | None) -> Tensor:
    """Return one number of U(lower, upper) per element, in logical element order.

    The draws do not depend on the strides of `input` nor on its values, and half types draw in
    float32: the same seed gives the same numbers for any of them.
    """
    dtype = torch.float64 if input.dtype == torch.float64 else torch.float32
    random = torch.rand(input.shape, dtype=dtype, device=input.device, generator=generator)
    return lower + (upper - lower) * random
