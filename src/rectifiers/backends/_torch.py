"""Plain torch operations: torch's own where they are right, the formula with torch's words elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.compiler import is_compiling

from rectifiers.activations import (
    Elementwise,
    Learned,
    Uniform,
    celu,
    elu,
    gelu,
    leaky_relu,
    mish,
    prelu,
    relu,
    relu6,
    rrelu,
    selu,
    sigmoid,
    silu,
    softplus,
    squared_relu,
    tanh,
)
from rectifiers.backends._arguments import Channels, Random
from rectifiers.backends._formula import formula_executor
from rectifiers.backends._kernels import Values
from rectifiers.backends._memory_order import InMemory

__all__ = ["Execute", "torch_crelu", "torch_executor", "torch_maxout"]

Execute: TypeAlias = Callable[..., Tensor]


@dataclass(frozen=True)
class _Own:
    """An activation in torch's operations, and its in-place form with the values for which that is right."""

    out: Execute
    in_place: Execute | None = None
    in_place_if: Callable[..., bool] = lambda *values: True


def _between(low: float, high: float, operation: Execute) -> Execute:
    """Return `operation`, replaced by its limits -0 below `low` and x from `high` on.

    Both bounds lie where the function has long rounded to its limit. torch's operations give NaN there:
    GELU, SiLU and Mish at -infinity, their derivatives from about 1e13 (GELU) or 89 (Mish, second) on.
    """

    def guarded(input: Tensor, *values: Any) -> Tensor:
        # At the upper bound, too: from torch 2.14 on `clamp` passes no gradient there.
        return torch.where(input >= high, input, operation(input.clamp(low, high), *values))

    return guarded


# Before torch 2.14, `clamp` passes the gradient at its bounds.
_CLAMP_INCLUDES_BOUNDS = torch.__version__ < "2.14"  # as versions, not as words


def _prelu(input: Tensor, weight: Tensor | float) -> Tensor:
    # torch's own takes the slope 1 at 0 in forward mode. Here relu passes no gradient at 0, and what lies
    # below passes it, in every mode; and 0 * infinity is kept out of the gradient of the slope.
    below = input.clamp(max=0) if _CLAMP_INCLUDES_BOUNDS else input.masked_fill(input > 0, 0)
    return torch.relu(input) + weight * below


def _rrelu(input: Tensor, slope: Tensor | float) -> Tensor:
    if not isinstance(slope, Tensor):
        return F.leaky_relu(input, slope)
    # A slope is drawn in float32 for half types: the product is rounded once.
    return (input * slope.masked_fill(input > 0, 1.0)).to(input.dtype)


def _rrelu_(input: Tensor, slope: Tensor | float) -> Tensor:
    if not isinstance(slope, Tensor):
        return F.leaky_relu_(input, slope) if slope >= 0 else _overwrite(F.leaky_relu, input, (slope,))
    return input.mul_(slope.masked_fill(input > 0, 1.0))


_OWN: dict[Elementwise, _Own] = {
    sigmoid: _Own(torch.sigmoid, torch.sigmoid_),
    tanh: _Own(torch.tanh, torch.tanh_),
    relu: _Own(torch.relu, torch.relu_),
    # torch's in-place backward reads the sign of the input off the output, and refuses where it cannot.
    leaky_relu: _Own(F.leaky_relu, F.leaky_relu_, lambda slope: slope >= 0),
    prelu: _Own(_prelu),
    rrelu: _Own(_rrelu, _rrelu_),
    elu: _Own(F.elu, F.elu_, lambda alpha: alpha >= 0),
    selu: _Own(F.selu, F.selu_),
    celu: _Own(F.celu, F.celu_, lambda alpha: alpha > 0),
    relu6: _Own(F.relu6, lambda x: F.relu6(x, inplace=True)),
    softplus: _Own(F.softplus),
    gelu: _Own(_between(-50.0, 50.0, lambda x, approximate: F.gelu(x, approximate=approximate))),
    silu: _Own(_between(-1000.0, 50.0, F.silu)),
    mish: _Own(_between(-1000.0, 50.0, F.mish)),
    squared_relu: _Own(lambda x: torch.relu(x).square()),
}


def torch_executor(record: Elementwise) -> Execute:
    """Return what applies an elementwise activation in torch's operations.

    Returns
    -------
    callable
        Of ``(input, values, inplace=False)``: a tensor of any shape and floating dtype; the value of every
        parameter in order, a number, a word, `Channels` or `Random`; and whether to write the result into
        `input`.
    """
    own = _OWN.get(record) or _Own(formula_executor(record))
    plain = not any(isinstance(parameter, Learned | Uniform) for parameter in record.parameters.values())

    out = own.out

    def execute(input: Tensor, values: Values, inplace: bool = False) -> Tensor:
        if not plain:
            values = tuple([_tensor(value, input) for value in values])
        if not inplace:
            return out(input, *values)
        if own.in_place is not None and own.in_place_if(*values):
            return own.in_place(input, *values)
        return _overwrite(out, input, values)

    return execute


def _tensor(value: Any, input: Tensor) -> Any:
    if isinstance(value, Channels):
        return value.against(input)
    return value.numbers(input) if isinstance(value, Random) else value


def _overwrite(function: Execute, input: Tensor, values: Values) -> Tensor:
    """Write the function's output into `input`, correctly under autograd whatever the function keeps."""
    learning = any(isinstance(value, Tensor) and value.requires_grad for value in values)
    if torch.is_grad_enabled() and (input.requires_grad or learning):
        return input.copy_(function(input.clone(), *values))
    return input.copy_(function(input, *values))


def torch_maxout(input: Tensor, split: tuple[int, ...], dim: int, axis: int) -> Tensor:
    """The largest along `axis` of the input in the shape `split`, the first of equal ones."""
    if not is_compiling():
        if input.is_contiguous():
            return input.view(*split).max(axis).values  # a tuple costs torch a second try at the arguments
        memory = InMemory(input)
        place = memory.back[dim] + axis - dim
        lengths = [input.shape[a] for a in memory.order]
        lengths[memory.back[dim] : memory.back[dim] + 1] = split[dim : dim + 2]
        return memory.seen(input).view(lengths).max(place).values.permute(memory.back)
    # Inductor (torch 2.13) loses the index of a maximum when it fuses it with enough neighbours, and so
    # the gradient; comparisons fuse as well and need no index. The first of equal pieces wins, or NaN.
    best, *others = input.reshape(split).unbind(axis)
    for piece in others:
        best = torch.where((piece <= best) | (best != best), best, piece)
    return best.clone() if not others else best


def torch_crelu(input: Tensor, dim: int) -> Tensor:
    """Both parts, concatenated along `dim`."""
    if is_compiling() or input.is_contiguous():
        return torch.cat((torch.relu(input), torch.relu(-input)), dim)
    memory = InMemory(input)
    seen = memory.seen(input)
    return torch.cat((torch.relu(seen), torch.relu(-seen)), memory.back[dim]).permute(memory.back)
