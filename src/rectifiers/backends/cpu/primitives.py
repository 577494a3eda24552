"""The operations of formulas on `Number`: each writes its vector code.

Exponentials are good to 30 bits, in float64: of a formula that does not cancel, as good as nothing is lost
before it is rounded to float32. They follow Cody & Waite: x = k ln 2 + r, a polynomial in r, and 2^k in the
exponent bits.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any

from llvmlite import ir

from rectifiers import vocabulary
from rectifiers.backends.cpu.numbers import Number, Truth, Writer, vector

__all__ = ["inexact", "primitives", "where"]

# (e^r - 1 - r) / r^2 for |r| <= ln(2) / 2, by rising powers: e^r - 1 is off by 2^-30.8 of its value.
_EXP = (0.500000001346581, 0.16666666681623232, 0.041666464925285904, 0.0083333109254809,
        0.0013933649996309251, 0.00019890990824673654)  # fmt: skip
_LN2 = 0.6931471805599453
_FAR = 700.0  # e to the power of that is a normal number, and so is its reciprocal
_MANTISSA = 52
# Added to k, it leaves that rounded to a whole number in the low bits, and as exponent bits are: 1023 more.
_ROUND = 1.5 * 2.0**_MANTISSA + 1023


def _polynomial(w: Writer, x: Any, coefficients: tuple[float, ...]) -> Any:
    """Value at a vector by Estrin's scheme: a product or two more, and half the time to wait for the last."""
    terms = [w.literal(coefficient) for coefficient in coefficients]
    while len(terms) > 1:
        pairs = [w.fma(odd, x, even) for even, odd in zip(terms[::2], terms[1::2], strict=False)]
        terms = pairs + terms[len(terms) - len(terms) % 2 :]
        x = w.builder.fmul(x, x)
    return terms[0]


def _exp(x: Number) -> Number:
    """e^x; infinity above 700, and below -700 what is 0 in a narrower type."""
    w = x.writer
    small, power = _parts(x)
    return _or_infinite(x, w.fma(small, power, power))


def _expm1(x: Number) -> Number:
    """e^x - 1; infinity above 700."""
    w, b = x.writer, x.writer.builder
    small, power = _parts(x)
    minus_one = b.fneg(b.fsub(w.literal(1.0), power))  # -0 where it is 0, so that -0 stays -0
    return _or_infinite(x, w.fma(small, power, minus_one))


def _parts(x: Number) -> tuple[Any, Any]:
    """e^r - 1 and 2^k, for x = k ln 2 + r between -700 and 700; above that nothing of use."""
    w, b, i64 = x.writer, x.writer.builder, ir.IntType(64)
    low = w.literal(-_FAR)
    inside = b.select(b.fcmp_ordered("<", x.vector, low), low, x.vector)  # so written NaN passes
    shifted = w.fma(inside, w.literal(1 / _LN2), w.literal(_ROUND))
    r = w.fma(b.fsub(shifted, w.literal(_ROUND)), w.literal(-_LN2), inside)
    small = b.fmul(r, _polynomial(w, r, (1.0, *_EXP)))  # a product last, so that -0 stays -0
    power = b.shl(b.bitcast(shifted, ir.VectorType(i64, 8)), vector(i64, _MANTISSA))
    return small, b.bitcast(power, w.vector)


def _or_infinite(x: Number, value: Any) -> Number:
    w, b = x.writer, x.writer.builder
    beyond = b.fcmp_ordered(">", x.vector, w.literal(_FAR))
    return Number(w, b.select(beyond, w.literal(float("inf")), value))


def _sigmoid(x: Number) -> Number:
    """1 / (1 + e^-x)."""
    small = _exp(-_abs(x))
    result: Number = where(x < 0.0, small, 1.0) / (small + 1.0)
    return result


def _tanh(x: Number) -> Number:
    """Hyperbolic tangent."""
    lost, w = _expm1(_abs(x) * -2.0), x.writer
    return Number(w, w.call("llvm.copysign", (-lost / (lost + 2.0)).vector, x.vector))


def _sqrt(x: Number) -> Number:
    """Square root; NaN below 0."""
    return Number(x.writer, x.writer.call("llvm.sqrt", x.vector))


def _abs(x: Number) -> Number:
    """The distance from 0."""
    return Number(x.writer, x.writer.call("llvm.fabs", x.vector))


def where(condition: Any, if_true: Any, if_false: Any) -> Any:
    """Choose element by element; a condition on words alone chooses while the code is written."""
    if not isinstance(condition, Truth):
        return if_true if condition else if_false
    w = condition.writer
    if isinstance(if_true, Truth) and isinstance(if_false, Truth):
        return Truth(w, w.builder.select(condition.value, if_true.value, if_false.value))
    yes, no = (w.number(n).vector for n in (if_true, if_false))
    return Number(w, w.builder.select(condition.value, yes, no), (condition, if_true, if_false))


def _extremum(operator: str) -> Callable[[Any, Any], Number]:
    def choose(a: Any, b: Any) -> Number:
        w = (a if isinstance(a, Number) else b).writer
        a, b = w.number(a), w.number(b)
        first = w.builder.fcmp_ordered(operator, a.vector, b.vector)
        nan = w.builder.fcmp_unordered("uno", a.vector, a.vector)
        chosen: Number = where(Truth(w, w.builder.or_(first, nan)), a, b)
        return chosen

    return choose


_INEXACT = {"exp": _exp, "expm1": _expm1, "sigmoid": _sigmoid, "sqrt": _sqrt, "tanh": _tanh}
"""A formula that uses one of these is computed in float64."""

primitives: dict[str, Callable[..., Any]] = {
    **_INEXACT,
    "abs": _abs,
    "maximum": _extremum(">"),
    "minimum": _extremum("<"),
    "where": where,
}
"""All of the vocabulary but erf, erfc, log and log1p, which no built-in activation with a kernel needs."""


def inexact(formula: Callable[..., Any]) -> bool:
    """Whether a formula uses an inexact operation, under whatever name."""
    assert isinstance(formula, FunctionType)
    used = {id(formula.__globals__.get(name)) for name in formula.__code__.co_names}
    return any(id(vocabulary.words[name]) in used for name in _INEXACT)
