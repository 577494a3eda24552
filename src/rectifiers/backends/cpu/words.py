"""The vocabulary for `Number`: each word writes its vector code.

`exp` and `expm1` follow Cody & Waite: x = k ln 2 + r, a polynomial in r (Chebyshev, economised), 2^k in the
exponent bits; both give the value and what its rounding lost. `log` is that of FreeBSD's msun (Sun 1993).
Where 30 bits are enough, `exponentials` has shorter ones.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rectifiers.backends.cpu import exponentials
from rectifiers.backends.cpu.numbers import Number, Truth, Writer

__all__ = ["abs_", "exp", "where", "words"]

# (e^r - 1 - r) / r^2 for |r| <= ln(2) / 2, by rising powers: off by 2^-57.6 of its value.
_EXP = (0.5, 0.1666666666666667, 0.04166666666666668, 0.008333333333326082, 0.0013888888888879001,
        0.00019841269875003973, 2.480158733663232e-05, 2.7557255168123062e-06, 2.755726307600547e-07,
        2.5105313423078524e-08, 2.0918212752506956e-09)  # fmt: skip
_LOG = (6.666666666666735130e-01, 3.999999999940941908e-01, 2.857142874366239149e-01,
        2.222219843214978396e-01, 1.818357216161805012e-01, 1.531383769920937332e-01,
        1.479819860511658591e-01)  # fmt: skip
_LN2, _LN2_REST = 6.93147180369123816490e-01, 1.90821492927058770002e-10  # multiples of the first are exact
_MANTISSA, _BIAS = 52, 1023
_ROOT = 0x3FE6A09E667F3BCD  # sqrt(1/2): the mantissa goes from there to sqrt(2)


class _Reduced:
    """x = k ln 2 + r between bounds, with r as a sum of two, and e^r - 1 - r; k as bits of a float."""

    def __init__(self, x: Number, lowest: float, highest: float) -> None:
        x = x.tight()
        w, b = x.writer, x.writer.builder
        low, high = w.literal(lowest), w.literal(highest)
        inside = w.select(b.fcmp_ordered("<", x.high, low), low, x.high)  # so written NaN passes
        if x.positive is not False:
            inside = w.select(b.fcmp_ordered(">", inside, high), high, inside)
        magic = w.literal(1.5 * 2.0**52)  # rounds to an integer, left in the low bits
        self.shifted = w.fma(inside, w.literal(1.4426950408889634), magic)
        k = b.fsub(self.shifted, magic)
        r = w.fma(k, w.literal(-_LN2), inside)  # exact
        low_r = b.fmul(k, w.literal(-_LN2_REST))
        if x.low is not None:  # out of bounds it may be infinite or NaN
            usable = b.fcmp_ordered("==", inside, x.high)
            finite = b.fcmp_ordered("<", w.call("llvm.fabs", x.low), w.literal(1.0))
            low_r = b.fadd(low_r, w.select(b.and_(usable, finite), x.low, w.literal(0.0)))
        self.r = b.fadd(r, low_r)
        r_lost = b.fadd(b.fsub(r, self.r), low_r)
        self.r_lost = w.fma(r_lost, self.r, r_lost)  # it is multiplied by e^r
        series = w.polynomial(self.r, _EXP[1:])
        cubic = b.fmul(b.fmul(b.fmul(self.r, self.r), self.r), series)
        self.rest = w.fma(b.fmul(self.r, w.literal(0.5)), self.r, cubic)  # the first coefficient is 1/2

    def power(self, w: Writer, bias: int) -> Any:
        """2^(k + bias), which must be a normal number."""
        b, exponent = w.builder, (_BIAS + bias) << _MANTISSA
        return w.from_bits(b.add(b.shl(w.bits(self.shifted), w.integer(_MANTISSA)), w.integer(exponent)))

    def factors(self, w: Writer) -> tuple[Any, Any]:
        """Two normal numbers whose product is 2^k, for any k of a float."""
        b = w.builder
        k = b.sub(w.bits(self.shifted), w.integer(0x4338000000000000))  # the bits of what was added
        half = b.ashr(k, w.integer(1))
        bias = w.integer(_BIAS)
        parts = (half, b.sub(k, half))
        first, second = (w.from_bits(b.shl(b.add(p, bias), w.integer(_MANTISSA))) for p in parts)
        return first, second


def exp(x: Any) -> Number:
    """e^x."""
    if x.writer.quick:
        return exponentials.exp(x)
    w, b = x.writer, x.writer.builder
    # Far beyond what overflows: with one factor pending, a small number may still bring it back.
    highest = 1400.0
    reduced = _Reduced(x, -750.0, highest)
    high = b.fadd(w.literal(1.0), reduced.r)
    low = b.fadd(b.fsub(w.literal(1.0), high), reduced.r)
    low = b.fadd(b.fadd(low, reduced.r_lost), reduced.rest)
    one, two = reduced.factors(w)
    high, low = b.fmul(high, one), b.fmul(low, one)
    if x.positive is not False:
        beyond = b.fcmp_ordered(">", x.high, w.literal(highest))
        high = w.select(beyond, w.literal(float("inf")), high)
    return Number(w, high, low, loose=True, factor=two)


def expm1(x: Any) -> Number:
    """e^x - 1."""
    if x.writer.quick:
        return exponentials.expm1(x)
    x = x.tight()
    w, b = x.writer, x.writer.builder
    reduced = _Reduced(x, -50.0, 710.0)
    if x.positive is False:
        return _expm1_below(x, reduced)
    half = reduced.power(w, -1)  # a normal number even where 2^k overflows
    whole = b.fsub(half, w.literal(0.5))
    again = b.fadd(whole, w.literal(0.5))
    whole_lost = b.fsub(b.fsub(half, again), b.fadd(b.fsub(whole, again), w.literal(0.5)))
    high = w.fma(half, reduced.r, whole)
    lost = w.fma(half, reduced.r, b.fsub(whole, high))  # exact: the larger term of the sum comes first
    low = b.fadd(w.fma(half, reduced.rest, lost), w.fma(half, reduced.r_lost, whole_lost))
    # Near 0 it is x itself: half of a subnormal number may have lost a bit, and -0 its sign.
    tiny = b.fcmp_ordered("<", w.call("llvm.fabs", x.high), w.literal(2.0**-60))
    high = w.select(tiny, x.high, b.fadd(high, high))
    low = w.select(tiny, w.literal(0.0) if x.low is None else x.low, b.fadd(low, low))
    return Number(w, high, low, loose=True)


def _expm1_below(x: Number, reduced: _Reduced) -> Number:
    """e^x - 1 for x that is not above 0: 2^k is not above 1, and the result not above 0."""
    w, b = x.writer, x.writer.builder
    power = reduced.power(w, 0)
    whole = b.fsub(power, w.literal(1.0))
    whole_lost = b.fsub(power, b.fadd(whole, w.literal(1.0)))
    high = w.fma(power, reduced.r, whole)
    lost = w.fma(power, reduced.r, b.fsub(whole, high))
    low = b.fadd(w.fma(power, reduced.rest, lost), w.fma(power, reduced.r_lost, whole_lost))
    return Number(w, w.from_bits(b.or_(w.bits(high), _sign(w, x.high))), low, loose=True)


def log(x: Any) -> Number:
    """Natural logarithm; -infinity at 0, NaN below."""
    if x.writer.quick:
        return exponentials.log(x)
    x = x.tight()
    w, b = x.writer, x.writer.builder
    mantissa, scale = w.integer(_MANTISSA), 54
    tiny = b.fcmp_ordered("<", x.high, w.literal(2.0**-1022))
    normal = w.select(tiny, b.fmul(x.high, w.literal(2.0**scale)), x.high)
    k = b.ashr(b.sub(w.bits(normal), w.integer(_ROOT)), mantissa)
    f = b.fsub(w.from_bits(b.sub(w.bits(normal), b.shl(k, mantissa))), w.literal(1.0))
    k_float = b.fadd(b.sitofp(k, w.vector), w.select(tiny, w.literal(-scale), w.literal(0.0)))
    s = b.fdiv(f, b.fadd(w.literal(2.0), f))
    z = b.fmul(s, s)
    rest = b.fmul(z, w.polynomial(z, _LOG))
    half = b.fmul(b.fmul(w.literal(0.5), f), f)
    correction = w.fma(s, b.fadd(half, rest), b.fmul(k_float, w.literal(_LN2_REST)))
    high = b.fmul(k_float, w.literal(_LN2))
    value = b.fadd(high, b.fsub(f, b.fsub(half, correction)))
    infinite = b.fcmp_ordered("==", x.high, w.literal(float("inf")))
    value = w.select(infinite, x.high, value)
    zero = b.fcmp_ordered("==", x.high, w.literal(0.0))
    value = w.select(zero, w.literal(float("-inf")), value)
    wrong = b.fcmp_unordered("<", x.high, w.literal(0.0))  # or NaN
    value = w.select(wrong, w.literal(float("nan")), value)
    if x.low is None:
        return Number(w, value)
    return Number(w, value, b.fdiv(x.low, x.high))


def log1p(x: Any) -> Number:
    """log(1 + x), exact for small x."""
    if x.writer.quick:
        return exponentials.log1p(x)
    x = x.tight()
    total = log(x + 1.0)
    w, b = x.writer, x.writer.builder
    zero = b.fcmp_ordered("==", x.high, w.literal(0.0))  # keeps the sign of 0
    return Number(w, w.select(zero, x.high, total.high), total.low)


def sigmoid(x: Any) -> Number:
    """1 / (1 + e^-x)."""
    small = exp(-abs_(x))
    result: Number = where(x < 0.0, small, 1.0) / (small + 1.0)
    return result


def tanh(x: Any) -> Number:
    """Hyperbolic tangent."""
    lost = expm1(abs_(x) * -2.0).tight()
    return _with_sign_of(-lost / (lost + 2.0), x)


def sqrt(x: Any) -> Number:
    """Square root; NaN below 0."""
    x = x.tight()
    w, b = x.writer, x.writer.builder
    high = w.call("llvm.sqrt", x.high)
    if not w.tracked:
        return Number(w, high)
    lost = w.fma(b.fneg(high), high, x.high)
    lost = lost if x.low is None else b.fadd(lost, x.low)
    return Number(w, high, b.fdiv(lost, b.fadd(high, high)))


def abs_(x: Any) -> Number:
    """The distance from 0."""
    w, b = x.writer, x.writer.builder
    if x.low is None:
        return Number(w, w.call("llvm.fabs", x.high))
    x = x.tight()
    negative = b.fcmp_ordered("<", x.high, w.literal(0.0))
    return Number(w, w.call("llvm.fabs", x.high), w.select(negative, b.fneg(x.low), x.low))


def _sign(w: Writer, vector: Any) -> Any:
    """The sign bits alone."""
    return w.builder.and_(w.bits(vector), w.integer(1 << 63))


def _with_sign_of(magnitude: Number, x: Number) -> Number:
    magnitude = magnitude.plain()
    w, b = x.writer, x.writer.builder
    sign, low = _sign(w, x.high), magnitude.low
    return Number(
        w,
        w.from_bits(b.or_(w.bits(magnitude.high), sign)),
        None if low is None else w.from_bits(b.xor(w.bits(low), sign)),
        loose=magnitude.loose,
    )


def where(condition: Any, if_true: Any, if_false: Any) -> Any:
    """Choose element by element; a condition on words alone chooses while the code is written."""
    if not isinstance(condition, Truth):
        return if_true if condition else if_false
    if condition.static is not None:
        return if_true if condition.static else if_false
    w = condition.writer
    if isinstance(if_true, Truth) and isinstance(if_false, Truth):
        return Truth(w, w.select(condition.value, if_true.value, if_false.value))
    yes, no = w.number(if_true).plain(), w.number(if_false).plain()
    high = w.select(condition.value, yes.high, no.high)
    choice = (condition, if_true, if_false)  # with factors that are still pending
    if yes.low is None and no.low is None:
        return Number(w, high, choice=choice)
    zero = w.literal(0.0)
    lows = [zero if n.low is None else n.low for n in (yes, no)]
    return Number(w, high, w.select(condition.value, *lows), choice, loose=yes.loose or no.loose)


def _extremum(operator: str) -> Callable[[Any, Any], Number]:
    def choose(a: Any, b: Any) -> Number:
        w = (a if isinstance(a, Number) else b).writer
        a, b = w.number(a).tight(), w.number(b).tight()
        first = w.builder.fcmp_ordered(operator, a.high, b.high)
        nan = w.builder.fcmp_unordered("uno", a.high, a.high)
        chosen: Number = where(Truth(w, w.builder.or_(first, nan)), a, b)
        return chosen

    return choose


words: dict[str, Callable[..., Any]] = {
    "abs": abs_,
    "exp": exp,
    "expm1": expm1,
    "log": log,
    "log1p": log1p,
    "maximum": _extremum(">"),
    "minimum": _extremum("<"),
    "sigmoid": sigmoid,
    "sqrt": sqrt,
    "tanh": tanh,
    "where": where,
}
"""All words but those of `error_function`."""
