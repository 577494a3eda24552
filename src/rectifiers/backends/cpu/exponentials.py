"""Exponentials and logarithms to 30 bits, in float64.

Of a formula in them that does not cancel, as good as nothing is lost before it is rounded to float32. Both
follow Cody & Waite: x = k ln 2 + r, a polynomial in r, and 2^k in the exponent bits.
"""

from __future__ import annotations

from typing import Any

from rectifiers.backends.cpu.numbers import Number, Writer

__all__ = ["exp", "expm1", "log", "log1p"]

# (e^r - 1 - r) / r^2 for |r| <= ln(2) / 2, by rising powers: e^r - 1 is off by 2^-30.8 of its value.
_EXP = (0.500000001346581, 0.16666666681623232, 0.041666464925285904, 0.0083333109254809,
        0.0013933649996309251, 0.00019890990824673654)  # fmt: skip
# (log(1 + f) - 2 s) / s^3 for s = f / (2 + f), by rising powers of s^2: log is off by 2^-35.8 of its value.
_LOG = (0.6666666655445165, 0.40000121876972, 0.2855081659971155, 0.23330581938241893)
_LN2 = 0.6931471805599453
_FAR = 700.0  # e to the power of that is a normal number, and so is its reciprocal
_ROUND = 1.5 * 2.0**52  # added to a number, it leaves that rounded to a whole one in the low bits
_BIAS = 1023
_MANTISSA = 52
_ROOT = 0x3FE6A09E667F3BCD  # sqrt(1/2): the mantissa goes from there to sqrt(2)


def _in_parallel(w: Writer, x: Any, coefficients: tuple[float, ...]) -> Any:
    """Value at a vector by Estrin's scheme: a product or two more, and half the time to wait for the last."""
    terms = [w.literal(coefficient) for coefficient in coefficients]
    while len(terms) > 1:
        pairs = [w.fma(odd, x, even) for even, odd in zip(terms[::2], terms[1::2], strict=False)]
        terms = pairs + terms[len(terms) - len(terms) % 2 :]
        x = w.builder.fmul(x, x)
    return terms[0]


def exp(x: Number) -> Number:
    """e^x; infinity above 700, and below -700 what is 0 in a narrower type."""
    w = x.writer
    small, power = _parts(x)
    return _or_infinite(x, w.fma(small, power, power))


def expm1(x: Number) -> Number:
    """e^x - 1; infinity above 700."""
    w, b = x.writer, x.writer.builder
    small, power = _parts(x)
    minus_one = b.fneg(b.fsub(w.literal(1.0), power))  # -0 where it is 0, so that -0 stays -0
    return _or_infinite(x, w.fma(small, power, minus_one))


def _parts(x: Number) -> tuple[Any, Any]:
    """e^r - 1 and 2^k, for x = k ln 2 + r between -700 and 700."""
    w, b = x.writer, x.writer.builder
    low, high = w.literal(-_FAR), w.literal(_FAR)
    inside = x.vector
    if x.positive is not True:
        inside = w.select(b.fcmp_ordered("<", inside, low), low, inside)  # so written NaN passes
    if x.positive is not False:
        inside = w.select(b.fcmp_ordered(">", inside, high), high, inside)
    shifted = w.fma(inside, w.literal(1 / _LN2), w.literal(_ROUND))
    r = w.fma(b.fsub(shifted, w.literal(_ROUND)), w.literal(-_LN2), inside)
    # a product last, so that -0 stays -0
    small = b.fmul(r, _in_parallel(w, r, (1.0, *_EXP)))
    exponent = b.add(b.shl(w.bits(shifted), w.integer(_MANTISSA)), w.integer(_BIAS << _MANTISSA))
    return small, w.from_bits(exponent)


def _or_infinite(x: Number, value: Any) -> Number:
    w, b = x.writer, x.writer.builder
    if x.positive is False:
        return Number(w, value)
    beyond = b.fcmp_ordered(">", x.vector, w.literal(_FAR))
    return Number(w, w.select(beyond, w.literal(float("inf")), value))


def log(x: Number) -> Number:
    """Natural logarithm; -infinity at 0, NaN below."""
    w, b = x.writer, x.writer.builder
    bits, mantissa = w.bits(x.vector), w.integer(_MANTISSA)
    k = b.ashr(b.sub(bits, w.integer(_ROOT)), mantissa)
    f = b.fsub(w.from_bits(b.sub(bits, b.shl(k, mantissa))), w.literal(1.0))
    s = b.fdiv(f, b.fadd(w.literal(2.0), f))
    z = b.fmul(s, s)
    twice = w.fma(w.polynomial(z, _LOG), z, w.literal(2.0))
    value = w.fma(b.sitofp(k, w.vector), w.literal(_LN2), b.fmul(s, twice))
    for at, limit in ((0.0, "-inf"), (float("inf"), "inf")):
        value = w.select(b.fcmp_ordered("==", x.vector, w.literal(at)), w.literal(float(limit)), value)
    wrong = b.fcmp_unordered("<", x.vector, w.literal(0.0))  # or NaN
    return Number(w, w.select(wrong, w.literal(float("nan")), value))


def log1p(x: Number) -> Number:
    """log(1 + x), good for small x, too."""
    w, b = x.writer, x.writer.builder
    size = w.call("llvm.fabs", x.vector)
    whole = b.fadd(w.literal(1.0), x.vector)
    lost = b.fsub(x.vector, b.fsub(whole, w.literal(1.0)))
    lost = w.select(b.fcmp_ordered("<", size, w.literal(1.0)), lost, w.literal(0.0))  # beyond, there is none
    value = b.fadd(log(Number(w, whole)).vector, lost)
    return Number(w, w.select(b.fcmp_ordered("==", size, w.literal(0.0)), x.vector, value))
