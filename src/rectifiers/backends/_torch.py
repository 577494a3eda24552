"""Plain torch operations: torch's own where it is right, the formula with torch's words elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from rectifiers.activations import Elementwise
from rectifiers.activations import (
    celu,
    elu,
    gelu,
    leaky_relu,
    mish,
    relu,
    relu6,
    selu,
    sigmoid,
    silu,
    softplus,
    squared_relu,
    tanh,
)

__all__ = ["executor", "overwrite"]

Execute: TypeAlias = Callable[..., Tensor]


@dataclass(frozen=True)
class _Native:
    """torch's own operation, and its in-place form with the parameter values for which that is right."""

    out: Callable[..., Tensor]
    in_place: Callable[..., Tensor] | None = None
    in_place_if: Callable[..., bool] = lambda *values: True


_NATIVE: dict[Elementwise, _Native] = {
    sigmoid: _Native(torch.sigmoid, torch.sigmoid_),
    tanh: _Native(torch.tanh, torch.tanh_),
    relu: _Native(torch.relu, torch.relu_),
    # torch's in-place backward reads the sign of the input off the output, and refuses if it cannot.
    leaky_relu: _Native(F.leaky_relu, F.leaky_relu_, lambda slope: slope >= 0),
    elu: _Native(F.elu, F.elu_, lambda alpha: alpha >= 0),
    celu: _Native(F.celu, F.celu_, lambda alpha: alpha > 0),
    selu: _Native(F.selu, F.selu_),
    relu6: _Native(F.relu6, lambda x: F.relu6(x, inplace=True)),
    softplus: _Native(F.softplus),
    gelu: _Native(lambda x, approximate: F.gelu(x, approximate=approximate)),
    silu: _Native(F.silu, lambda x: F.silu(x, inplace=True)),
    mish: _Native(F.mish, lambda x: F.mish(x, inplace=True)),
    squared_relu: _Native(lambda x: torch.relu(x).square()),
}


def executor(record: Elementwise) -> Execute:
    """Return what applies an elementwise activation to a tensor.

    The choice is made here, once, and not where the function is called: a compiler that traces the
    call sees torch operations only.

    Returns
    -------
    callable
        Of ``(input, values, inplace)``: a tensor of any shape and floating dtype, the value of every
        parameter in order, and whether to write the result into `input`.
    """
    native = _NATIVE[record]

    def execute(input: Tensor, values: tuple[Any, ...], inplace: bool = False) -> Tensor:
        if not inplace:
            return native.out(input, *values)
        if native.in_place is not None and native.in_place_if(*values):
            return native.in_place(input, *values)
        return overwrite(input, lambda x: native.out(x, *values))

    return execute


def overwrite(input: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
    """Write ``function(input)`` into `input`, correctly under autograd whatever `function` keeps."""
    kept = input.clone() if torch.is_grad_enabled() and input.requires_grad else input
    return input.copy_(function(kept))
