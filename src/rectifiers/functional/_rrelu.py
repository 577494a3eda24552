"""RReLU: random slopes that depend on nothing but the generator and the shape."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.overrides import handle_torch_function, has_torch_function_unary

from rectifiers.activations import Uniform, leaky_relu
from rectifiers.backends import executor

__all__ = ["rrelu"]

_leaky_relu = executor(leaky_relu)


def rrelu(
    input: Tensor,
    lower: float = 1 / 8,
    upper: float = 1 / 3,
    training: bool = False,
    inplace: bool = False,
    *,
    generator: torch.Generator | None = None,
) -> Tensor:
    """RReLU."""
    if has_torch_function_unary(input):
        result: Tensor = handle_torch_function(
            rrelu, (input,), input, lower, upper, training, inplace, generator=generator
        )
        return result
    Uniform.check_bounds(lower, upper)
    if not training:
        return _leaky_relu(input, ((lower + upper) / 2,), inplace)
    dtype = torch.float64 if input.dtype == torch.float64 else torch.float32
    random = torch.rand(input.shape, dtype=dtype, device=input.device, generator=generator)
    slope = torch.where(input > 0, 1.0, lower + (upper - lower) * random)
    return input.mul_(slope) if inplace else (input * slope).to(input.dtype)
