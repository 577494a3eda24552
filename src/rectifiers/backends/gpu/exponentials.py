# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"
# (Triton's language has no types; its decorator reads the source of what it decorates.)
"""exp and expm1 of float64 for numbers that are rounded to float32.

libdevice's are good to the last bit of float64, and so long that a kernel waits for arithmetic where it ought
to wait for memory. Of a float32 tensor 30 bits are enough to be rounded once. They take x = n ln 2 + r with a
whole n, |r| <= ln 2 / 2, and exp(r) - 1 by its Taylor polynomial:
exp(x) - 1 = 2^n (exp(r) - 1) + (2^n - 1), where the last term is exact or does not matter.
"""

from __future__ import annotations

import math

import triton
import triton.language as tl

__all__ = ["exp_30", "expm1_30"]

_LOG2E = tl.constexpr(1.4426950408889634)
_LN2 = tl.constexpr(0.6931471805599453)
# Added to a number, it leaves that rounded to a whole one in the low bits.
_ROUND = tl.constexpr(1.5 * 2.0**52)
_TAYLOR = tl.constexpr(tuple(1 / math.factorial(k) for k in range(9, 1, -1)))


@triton.jit
def _of(value, like):
    return tl.full(like.shape, value, like.dtype)


@triton.jit
def _parts_30(x):
    """exp(r) - 1 and 2^n; anything where 2^n is not within float64."""
    shifted = tl.fma(x, _of(_LOG2E, x), _of(_ROUND, x))
    r = tl.fma(shifted - _ROUND, _of(-_LN2, x), x)
    power = ((shifted.to(tl.int64, bitcast=True) << 52) + 0x3FF0000000000000).to(tl.float64, bitcast=True)
    q = _of(_TAYLOR[0], r)
    for i in tl.static_range(1, 8):
        q = tl.fma(q, r, _of(_TAYLOR[i], r))
    return r * tl.fma(q, r, _of(1.0, r)), power  # a product, so that -0 stays -0


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
