# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"
# (Triton's language has no types; its decorator reads the source of what it decorates.)
"""exp and expm1 for numbers that came in a narrower type than they are computed in.

libdevice's are good to the last bit of float64, and so long that a kernel waits for arithmetic where it ought
to wait for memory. Of a float32 tensor 30 bits are enough to be rounded once; of a half type, float32's 24.
Both take x = n ln 2 + r with a whole n, |r| <= ln 2 / 2, and exp(r) - 1 by its Taylor polynomial:
exp(x) - 1 = 2^n (exp(r) - 1) + (2^n - 1), where the last term is exact or does not matter.
"""

from __future__ import annotations

import math

import triton
import triton.language as tl

__all__ = ["exp_30", "expm1_24", "expm1_30"]

_LOG2E = tl.constexpr(1.4426950408889634)
_LN2 = tl.constexpr(0.6931471805599453)
# Both above 0: n = 0 times minus either is -0, and leaves x as it is. n times the first is exact in float32.
_LN2_HIGH = tl.constexpr(0.693138122558594)
_LN2_LOW = tl.constexpr(9.0580006145e-06)
# Added to a number, they leave it rounded to a whole one in the low bits.
_ROUND_64 = tl.constexpr(1.5 * 2.0**52)
_ROUND_32 = tl.constexpr(1.5 * 2.0**23)
_TAYLOR_64 = tl.constexpr(tuple(1 / math.factorial(k) for k in range(9, 1, -1)))
_TAYLOR_32 = tl.constexpr(tuple(1 / math.factorial(k) for k in range(7, 1, -1)))


@triton.jit
def _of(value, like):
    return tl.full(like.shape, value, like.dtype)


@triton.jit
def _clipped(x, low, high):
    """Between the bounds; NaN stays."""
    above = tl.maximum(x, _of(low, x), propagate_nan=tl.PropagateNan.ALL)
    return tl.minimum(above, _of(high, x), propagate_nan=tl.PropagateNan.ALL)


@triton.jit
def _expm1_of_small(r, TAYLOR: tl.constexpr, TERMS: tl.constexpr):
    """exp(r) - 1; a product last, so that -0 stays."""
    q = _of(TAYLOR[0], r)
    for i in tl.static_range(1, TERMS):
        q = tl.fma(q, r, _of(TAYLOR[i], r))
    return r * tl.fma(q, r, _of(1.0, r))


@triton.jit
def _parts_30(x):
    """exp(r) - 1 and 2^n; anything where 2^n is not within float64."""
    shifted = tl.fma(x, _of(_LOG2E, x), _of(_ROUND_64, x))
    r = tl.fma(shifted - _ROUND_64, _of(-_LN2, x), x)
    power = ((shifted.to(tl.int64, bitcast=True) << 52) + 0x3FF0000000000000).to(tl.float64, bitcast=True)
    return _expm1_of_small(r, _TAYLOR_64, 8), power


@triton.jit
def _within(x, inside, low):
    """What is inside for |x| < 700, and the limits elsewhere."""
    return tl.where(x < -700.0, low, tl.where(x > 700.0, float("inf"), inside))


@triton.jit
def exp_30(x):
    """Return exp of float64 numbers that were float32, to 30 bits."""
    p, power = _parts_30(x)
    return _within(x, tl.fma(p, power, power), 0.0)


@triton.jit
def expm1_30(x):
    """Return exp(x) - 1 of float64 numbers that were float32, to 30 bits."""
    p, power = _parts_30(x)
    return _within(x, tl.fma(p, power, (1.0 - power) * -1.0), -1.0)


@triton.jit
def expm1_24(x):
    """Return exp(x) - 1 of float32 numbers that were of a half type, to 2 ulp.

    With half of 2^n, which float32 holds wherever it holds the result.
    """
    inside = _clipped(x, -80.0, 89.0)
    shifted = tl.fma(inside, _of(_LOG2E, x), _of(_ROUND_32, x))
    n = shifted - _ROUND_32
    r = tl.fma(n, _of(-_LN2_LOW, x), tl.fma(n, _of(-_LN2_HIGH, x), inside))
    half = ((shifted.to(tl.int32, bitcast=True) << 23) + 0x3F000000).to(tl.float32, bitcast=True)
    result = tl.fma(_expm1_of_small(r, _TAYLOR_32, 6), half, (0.5 - half) * -1.0)
    return result + result
