# mypy: disable-error-code="no-untyped-call"
# (Parts of torch have no types.)
"""Plain torch operations: torch's own where it has the activation, the formula otherwise."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.compiler import is_compiling
from torch.jit import is_tracing  # type: ignore[attr-defined]

from rectifiers.activations import (
    Elementwise,
    Learned,
    Uniform,
    celu,
    elu,
    gelu,
    hardsigmoid,
    leaky_relu,
    logsigmoid,
    mish,
    prelu,
    registry,
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

__all__ = ["Execute", "overwrite", "torch_crelu", "torch_executor", "torch_maxout", "wrapped"]

Execute: TypeAlias = Callable[..., Tensor]


@dataclass(frozen=True)
class _Own:
    """An activation in torch's operations, and its in-place form with the values for which that is right."""

    out: Execute
    in_place: Execute | None = None
    in_place_if: Callable[..., bool] = lambda *values: True


# The functions of today: a program may put this library's into `torch.nn.functional`.
_FUNCTIONAL = dict(vars(F))
_leaky_relu, _leaky_relu_, _prelu, _relu6 = F.leaky_relu, F.leaky_relu_, F.prelu, F.relu6
_gelu, _hardtanh, _hardsigmoid_of_torch = F.gelu, F.hardtanh, F.hardsigmoid


def _linked(output: Tensor) -> Tensor:
    """The same, by an operation whose gradient is differentiable again, to 0: that of others may not be."""
    return _leaky_relu(output, 1.0) if output.requires_grad and not is_compiling() else output


def _rrelu(input: Tensor, slope: Tensor) -> Tensor:
    # A slope is drawn in float32 for half types: the product is rounded once.
    product = input * torch.where(input <= 0, slope, 1.0)
    return _linked(product if product.dtype == input.dtype else product.to(input.dtype))


def _hardsigmoid(input: Tensor) -> Tensor:
    # torch's own (2.13) rounds the slope to float32 and has no second derivative.
    if not isinstance(input, Tensor) or not input.is_floating_point():
        return _hardsigmoid_of_torch(input)
    wide = input.float() if input.dtype in (torch.float16, torch.bfloat16) else input
    return (_relu6(wide + 3.0) / 6.0).to(input.dtype)


# torch's in-place backward reads the sign of the input off the output, and refuses where it cannot.
_OWN: dict[Elementwise, _Own] = {
    sigmoid: _Own(torch.sigmoid, torch.sigmoid_),
    tanh: _Own(torch.tanh, torch.tanh_),
    relu: _Own(torch.relu, torch.relu_),
    leaky_relu: _Own(_leaky_relu, _leaky_relu_, lambda slope: slope >= 0),
    prelu: _Own(_prelu),
    rrelu: _Own(_rrelu),
    elu: _Own(F.elu, F.elu_, lambda alpha: alpha >= 0),
    selu: _Own(torch.selu, torch.selu_),
    celu: _Own(torch.celu, torch.celu_, lambda alpha: alpha > 0),
    relu6: _Own(_relu6, functools.partial(_hardtanh, min_val=0.0, max_val=6.0, inplace=True)),
    softplus: _Own(F.softplus),
    gelu: _Own(lambda x, approximate: _gelu(x, approximate=approximate)),
    silu: _Own(F.silu, functools.partial(F.silu, inplace=True)),
    mish: _Own(F.mish, functools.partial(F.mish, inplace=True)),
    hardsigmoid: _Own(_hardsigmoid),
    # torch's own gives up the memory format, and is exported as log(sigmoid(x)).
    logsigmoid: _Own(lambda x: -F.softplus(-x, 1.0, 40.0)),
    squared_relu: _Own(lambda x: torch.relu(x).square()),
}


def _of_torch(record: Elementwise) -> _Own | None:
    """Torch's function of the name of a built-in activation, if it has one."""
    function = _FUNCTIONAL.get(record.name) if registry.get(record.name) is record else None
    if function is None:
        return None
    in_place = inspect.isfunction(function) and "inplace" in inspect.signature(function).parameters
    return _Own(function, functools.partial(function, inplace=True) if in_place else None)


class torch_executor:
    """What applies an elementwise activation in torch's operations.

    Called with ``(input, values, inplace=False)``: a tensor of any shape and floating dtype; the value of
    every parameter in order, a number, a word, `Channels` or `Random`; and whether to write the result into
    `input`.
    """

    def __init__(self, record: Elementwise) -> None:
        self._own = _OWN.get(record) or _of_torch(record) or _Own(formula_executor(record))
        kinds = [type(parameter) for parameter in record.parameters.values()]
        self._plain = Learned not in kinds and Uniform not in kinds
        self._prelu = record is prelu

    def in_place(self, values: Values) -> bool:
        """Whether torch has the activation in place, for these values."""
        return self._own.in_place is not None and self._own.in_place_if(*values)

    def __call__(self, input: Tensor, values: Values, inplace: bool = False) -> Tensor:
        """Apply the activation."""
        if inplace and not self.in_place(values):
            return overwrite(self, input, values)
        if not self._plain:
            if self._prelu:
                return _by_channel(input, *values)
            values = tuple([_tensor(value, input) for value in values])
        own = self._own.in_place if inplace else self._own.out
        assert own is not None
        return own(input, *values)


def _by_channel(input: Tensor, value: Any) -> Tensor:
    """PReLU by torch's own, whose channels are on axis 1."""
    if not isinstance(value, Channels):
        return _leaky_relu(input, value)
    if not is_compiling() and type(input) is Tensor and wrapped(input):
        # torch's own (2.13) fails under nested transforms of torch.func.
        below = input.masked_fill(input > 0, 0)
        return torch.relu(input) + value.against(input) * below
    weight, dim = value.weight, value.dim
    if weight.dtype != input.dtype and not torch.is_autocast_enabled(input.device.type):
        weight = weight.to(input.dtype)
    weight = weight if weight.dim() else weight.reshape(1)
    rank = input.dim()
    if rank == 1:
        return _prelu(input.unsqueeze(0), weight).squeeze(0)
    if not -rank <= dim < rank or dim % rank == 1:  # one slope for all is for any axis
        return _prelu(input, weight)
    return _prelu(input.transpose(1, dim), weight).transpose(1, dim)


def wrapped(input: Tensor) -> bool:
    """Whether a transform of torch.func wraps the tensor: it is strided and has no address."""
    if input.layout is not torch.strided or input.is_nested:
        return False
    try:
        input.data_ptr()
    except RuntimeError:
        return True
    return False


def _tensor(value: Any, input: Tensor) -> Any:
    if isinstance(value, Channels):
        return value.against(input)
    return value.numbers(input) if isinstance(value, Random) else value


def overwrite(function: Execute, input: Tensor, values: Values) -> Tensor:
    """Write the function's output into `input`, correctly under autograd whatever the function saves."""
    learning = any(isinstance(v, Channels) and v.weight.requires_grad for v in values)
    recorded = torch.is_grad_enabled() and (input.requires_grad or learning or wrapped(input))
    if recorded or is_tracing():  # what a trace is run with later may need a gradient
        return input.copy_(function(input.clone(), values))
    return input.copy_(function(input, values))


def torch_maxout(input: Tensor, split: tuple[int, ...], dim: int, axis: int) -> Tensor:
    """The largest along `axis` of the input in the shape `split`, the first of equal ones."""
    if not is_compiling():
        if input.layout is not torch.strided or input.is_contiguous():
            return _linked(input.view(split).max(axis).values)
        memory = InMemory(input)
        place = memory.back[dim] + axis - dim
        lengths = [input.shape[a] for a in memory.order]
        lengths[memory.back[dim] : memory.back[dim] + 1] = split[dim : dim + 2]
        seen = input.permute(memory.order).contiguous()
        return _linked(seen.view(lengths).max(place).values).permute(memory.back)
    # Inductor (torch 2.13) loses the index of a maximum when it fuses it with enough neighbours, and so
    # the gradient; comparisons fuse as well and need no index. The first of equal pieces wins, or NaN.
    best, *others = input.reshape(split).unbind(axis)
    for piece in others:
        best = torch.where((piece <= best) | (best != best), best, piece)
    return best.clone() if not others else best


def torch_crelu(input: Tensor, dim: int) -> Tensor:
    """Both parts, concatenated along `dim`."""
    if is_compiling() or input.layout is not torch.strided or input.is_contiguous():
        return torch.cat((torch.relu(input), torch.relu(-input)), dim)
    memory = InMemory(input)
    seen = input.permute(memory.order).contiguous()
    return torch.cat((torch.relu(seen), torch.relu(-seen)), memory.back[dim]).permute(memory.back)
