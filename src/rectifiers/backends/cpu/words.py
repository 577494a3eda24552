"""The vocabulary for `Number`: each word writes its vector code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rectifiers.backends.cpu.exponentials import exp, expm1, log, log1p
from rectifiers.backends.cpu.numbers import Number, Truth

__all__ = ["abs_", "where", "words"]


def sigmoid(x: Any) -> Number:
    """1 / (1 + e^-x)."""
    small = exp(-abs_(x))
    result: Number = where(x < 0.0, small, 1.0) / (small + 1.0)
    return result


def tanh(x: Any) -> Number:
    """Hyperbolic tangent."""
    lost = expm1(abs_(x) * -2.0)
    w = x.writer
    return Number(w, w.call("llvm.copysign", (-lost / (lost + 2.0)).vector, x.vector))


def sqrt(x: Any) -> Number:
    """Square root; NaN below 0."""
    return Number(x.writer, x.writer.call("llvm.sqrt", x.vector))


def abs_(x: Any) -> Number:
    """The distance from 0."""
    return Number(x.writer, x.writer.call("llvm.fabs", x.vector))


def where(condition: Any, if_true: Any, if_false: Any) -> Any:
    """Choose element by element; a condition on words alone chooses while the code is written."""
    if not isinstance(condition, Truth):
        return if_true if condition else if_false
    if condition.static is not None:
        return if_true if condition.static else if_false
    w = condition.writer
    if isinstance(if_true, Truth) and isinstance(if_false, Truth):
        return Truth(w, w.select(condition.value, if_true.value, if_false.value))
    yes, no = (w.number(n).vector for n in (if_true, if_false))
    return Number(w, w.select(condition.value, yes, no), (condition, if_true, if_false))


def _extremum(operator: str) -> Callable[[Any, Any], Number]:
    def choose(a: Any, b: Any) -> Number:
        w = (a if isinstance(a, Number) else b).writer
        a, b = w.number(a), w.number(b)
        first = w.builder.fcmp_ordered(operator, a.vector, b.vector)
        nan = w.builder.fcmp_unordered("uno", a.vector, a.vector)
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
