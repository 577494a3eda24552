"""The shortest way for small tensors, where what a call costs is all there is to save.

Autograd functions in Python cost more than a small tensor's arithmetic, so that here everything that is
differentiated is torch's own operations, as few of them as there can be.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, empty_like
from torch import prelu as prelu_of_torch
from torch._C import _get_tracing_state

from rectifiers.activations import Elementwise, Uniform, gelu, mish, prelu, rrelu, silu
from rectifiers.activations import elementwise as define
from rectifiers.backends._arguments import Channels, Random
from rectifiers.backends._autograd import elementwise, flat
from rectifiers.backends._choice import available, choose, readable
from rectifiers.backends._kernels import Draw, Values
from rectifiers.backends._look import looks
from rectifiers.backends._memory_order import dense
from rectifiers.backends._thresholds import elements_on_cpu
from rectifiers.backends._torch import Execute
from rectifiers.backends._usual import Usual, usual_prelu, usual_rrelu
from rectifiers.vocabulary import where

__all__ = ["SMALL", "small_executor"]

SMALL = 1 << 14
"""No small tensor of RReLU has more elements."""


def small_executor(record: Elementwise, plain: Execute) -> tuple[Execute, Usual | None]:
    """Return what applies an activation to a tensor that is too small for kernels; the usual call, apart."""
    if record is prelu:
        return _prelu(plain)
    if record in _SAFE:
        return _within(record, plain), None
    return _rrelu(plain) if record is rrelu else (plain, None)


# The size below which torch's own gives neither NaN nor wrong derivatives of any order, and what it is.
_SAFE: dict[Elementwise, tuple[float, dict[Values, Callable[[Tensor], Tensor]]]] = {
    gelu: (50.0, {("none",): F.gelu, ("tanh",): functools.partial(F.gelu, approximate="tanh")}),
    silu: (1000.0, {(): torch._C._nn.silu}),  # F.silu without its look for other kinds of tensors
    mish: (80.0, {(): torch._C._nn.mish}),
}


def _within(record: Elementwise, plain: Execute) -> Execute:
    """A look at all elements costs less than a guard around every one."""
    limit, own = _SAFE[record]

    def by_torch(input: Tensor) -> bool:
        if not input.numel() or not input.is_floating_point():
            return False
        smallest, largest = torch.aminmax(_as_it_lies(input))
        return -limit < smallest.item() and largest.item() < limit  # not if one is NaN

    safe, _ = looks(record, ("within", limit), by_torch)

    def execute(input: Tensor, values: Values, inplace: bool = False) -> Tensor:
        if values in own and not inplace and safe(input):
            return own[values](input)
        kernels = choose(record, input, "auto")[0] if input.is_cpu and not inplace else None
        if kernels is None:
            return plain(input, values, inplace)
        return flat(record, kernels, input, values)

    return execute


def _as_it_lies(input: Tensor) -> Tensor:
    """The elements in the order of memory, where torch takes a fraction of the time to look at them."""
    found = input.detach()
    if found.is_contiguous() or not dense(found):
        return found
    return found.as_strided((found.numel(),), (1,))


def _prelu(plain: Execute) -> tuple[Execute, Usual]:
    """Torch's own is right wherever no input is 0; there it takes the slope 1 in second derivatives."""
    safe, native = looks(
        prelu, ("nonzero",), lambda input: torch.count_nonzero(input).item() == input.numel()
    )

    def execute(input: Tensor, values: Values, inplace: bool = False) -> Tensor:
        (value,) = values
        if inplace or not isinstance(value, Channels):
            return plain(input, values, inplace)
        weight = value.weight
        if (
            (value.dim != 1 and weight.numel() != 1 and value.dim % input.dim() != 1)
            or weight.dtype != input.dtype
            or not safe(input)
        ):
            return plain(input, values, inplace)
        output = prelu_of_torch(input, weight if weight.dim() == 1 else weight.reshape(1))
        # Autocast, for which to look beforehand costs as much as a step, has it take another precision.
        return output if output.dtype == input.dtype else plain(input, values, inplace)

    return execute, usual_prelu(native, elements_on_cpu(prelu))


def _rrelu(plain: Execute) -> tuple[Execute, Usual]:
    """The kernel draws the slopes, with 1 where the input is positive; torch multiplies."""

    def execute(input: Tensor, values: Values, inplace: bool = False) -> Tensor:
        (value,) = values
        if not isinstance(value, Random):
            return plain(input, values, inplace)
        dtype = input.dtype
        if (
            dtype not in _FACTORS
            or not readable(input)
            or not input.is_contiguous()
            or input.is_neg()
            or input._is_zerotensor()  # there is nothing in memory
            or _get_tracing_state() is not None  # a trace would keep the slopes as a constant
        ):
            kernels = choose(rrelu, input, "auto")[0]
            if kernels is None:
                return plain(input, values, inplace)
            if input.is_cuda and dtype in _FACTORS and input.is_contiguous():
                factor = empty_like(input)
                drawn = (value.draw(input.device),)
                kernels.value(_factor(), drawn, (1, 1, input.numel()), input, factor, False)
                return input.mul_(factor) if inplace else input * factor
            return elementwise(rrelu, kernels, input, values, inplace)
        write = _factors(value.lower, value.upper, value.reciprocal, dtype)
        if write is None or not input.numel():
            return plain(input, values, inplace)
        factor = empty_like(input)
        write(input, factor, value.seed())
        return input.mul_(factor) if inplace else input * factor

    slope = rrelu.parameters["slope"]
    assert isinstance(slope, Uniform)
    bounds = (slope.lower, slope.upper)
    return execute, usual_rrelu(_factors, _FACTORS, elements_on_cpu(rrelu), bounds)


_FACTORS = (torch.float32, torch.float64)  # the product of half types is not theirs to round


@functools.lru_cache(64)
def _factors(
    lower: float, upper: float, reciprocal: bool, dtype: torch.dtype
) -> Callable[[Tensor, Tensor, int], None] | None:
    """Return what draws the factors, if kernels can."""
    if available("auto", torch.device("cpu"), rrelu, dtype)[0] is None:
        return None
    from rectifiers.backends.cpu.kernel_set import prepared_slope

    return prepared_slope(rrelu, (Draw(lower, upper, torch.tensor(0), reciprocal),), _ones(dtype))


@functools.cache
def _factor() -> Elementwise:
    """By what RReLU multiplies, as an activation that kernels can run."""
    parameters = {"slope": Uniform(1 / 8, 1 / 3)}
    return define("rrelu_factor", _factor_of, _no_slope, keeps="sign", parameters=parameters, kinks=[0.0])


def _factor_of(x: Any, slope: Any) -> Any:
    return where(x > 0, 1.0, slope)


def _no_slope(positive: Any, slope: Any) -> Any:
    return where(positive, 0.0, 0.0)


@functools.cache
def _ones(dtype: torch.dtype) -> Tensor:
    return torch.ones(SMALL, dtype=dtype, device="cpu")
