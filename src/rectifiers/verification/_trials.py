"""What is tried on every derivative: values, dtypes, shapes, and what else a call changes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from rectifiers.errors import error_line
from rectifiers.verification._calling import Array, Returned, quiet
from rectifiers.verification._result import Row
from rectifiers.verification._subject import EPSILON, LARGEST, Expected, Subject

__all__ = ["Wrong", "attempt", "run"]

_AGAIN = 5
_UNDEFINED = 0.2  # from so many on a function is defined on a part of the line, such as x > 0
_WRONG = "{kind} at {wrong} of {known} points"


class Wrong(Exception):
    """Raised by a trial that finds something wrong; takes what, and what else a `Row` says of it."""

    def __init__(self, note: str, **found: Any) -> None:
        super().__init__(note)
        self.found = found


def attempt(test: str, tried: str, trial: Callable[[], str | None], optional: bool = False) -> Row:
    """Run a trial, which raises `Wrong` or returns a note; all else that it raises is wrong, too.

    An optional one need not run: then what it raises is a note.
    """
    try:
        with quiet():
            note = trial()
    except Wrong as wrong:
        return Row(test, tried, "wrong", str(wrong), **wrong.found)
    except Exception as error:  # noqa: BLE001  the function is the user's
        if optional:
            return Row(test, tried, "note", f"not supported: {error_line(error, 100)}")
        return Row(test, tried, "wrong", f"raises {error_line(error, 160)}")
    return Row(test, tried, "note" if note else "right", note or "")


def run(subject: Subject) -> Iterator[Row]:
    """Try everything that needs no autograd."""
    kinks = ", ".join(f"{kink.x:.6g}" for kink in subject.kinks[:6]) or "none"
    for dtype in subject.caller.dtypes:
        x = subject.everywhere(dtype)
        yield attempt(dtype, f"{x.size} points, kinks: {kinks}", partial(_dtype, subject, x, dtype))
    yield attempt("shapes", "0-d, empty, 2-d, transposed, every other", partial(_shapes, subject))
    calls = f"the same {_AGAIN} times, another in between, reversed; input as before"
    yield attempt("calls", calls, partial(_calls, subject))
    yield attempt("infinities", "-inf, inf, nan", partial(_infinities, subject), optional=True)


def _compare(expected: Expected, tolerance: Array, got: Array, dtype: str, said: str = _WRONG) -> None:
    """Raise at the first failure: of the points that are wrong the one whose magnitude is nearest to 1."""
    known = np.isfinite(expected.error)
    with np.errstate(all="ignore"):
        below, above = expected.low - tolerance - got, got - expected.high - tolerance
        overflows = np.isinf(got) & (np.sign(got) * expected.low >= LARGEST[dtype])  # as it should
        right = (below <= 0) & (above <= 0) | (got == expected.low) | overflows
        distance = np.abs(np.log10(np.maximum(np.abs(expected.x), 1e-300)))
    # where the function is too rough, or overflows, nothing is known; but nan is never right next to a number
    wrong = known & ~right
    if not wrong.any():
        return
    at = int(np.argmin(np.where(wrong, distance, np.inf)))
    x, low, high, value = (float(part[at]) for part in (expected.x, expected.low, expected.high, got))
    nearest = low if value < low else high
    size = abs(nearest) or (abs(value) if math.isfinite(value) else 1.0)
    place = EPSILON[dtype] * 2.0 ** math.floor(math.log2(min(max(size, 1e-280), 1e280)))
    ulp = abs(value - nearest) / place if math.isfinite(value) else None
    kind = "nan" if np.isnan(value) else "infinite" if np.isinf(value) else "wrong"
    what = said.format(kind=kind, wrong=wrong.sum(), known=known.sum(), x=x, low=low, got=value)
    raise Wrong(what, x=x, expected=(low, high), got=value, ulp=ulp, dtype=dtype)


def _each(subject: Subject, x: Array, dtype: str = "float64") -> Returned:
    """Return the derivative at points, one number for each of them."""
    returned = subject.derivative(x, dtype)
    if returned.values.shape == x.shape:
        return returned
    if returned.values.size == 1:
        raise Wrong("returns one number for the whole array", dtype=dtype)
    raise Wrong(f"returns shape {returned.values.shape} for shape {x.shape}", dtype=dtype)


def _dtype(subject: Subject, x: Array, dtype: str) -> str:
    try:
        forward = subject.caller.apply(subject.f, subject.caller.give(x, dtype))
    except Exception as error:  # noqa: BLE001  the function is the user's
        return f"not tried, the function raises {error_line(error, 120)}"
    returned = _each(subject, x, dtype)
    name, expected = returned.dtype, subject.expect(x)
    if EPSILON.get(name, 0.0) > max(EPSILON[dtype], EPSILON.get(forward.dtype, 0.0)):
        raise Wrong(f"returns {name} for {dtype}: digits are lost", dtype=dtype)
    _compare(expected, subject.tolerance(subject.claimed, expected, dtype), returned.values, dtype)
    _rounded_function(subject, expected, forward.values, dtype)
    undefined = np.isnan(forward.values)
    if dtype == "float64" and 0 < undefined.mean() < _UNDEFINED:
        at = x[undefined][int(np.abs(x[undefined]).argmin())]
        raise Wrong(f"the function gives nan at {at:.6g}, a finite number", dtype=dtype)
    known = int(np.isfinite(expected.error).sum())
    if known <= 0.9 * x.size:
        return f"compared at {known} of them: elsewhere the slope is not known"
    return f"returns {name}" if name in EPSILON and name != dtype else ""


def _rounded_function(subject: Subject, slopes: Expected, forward: Array, dtype: str) -> None:
    """Whether the function in a dtype is the function in float64."""
    x, y = slopes.x, subject.value(slopes.x)
    known = np.isfinite(slopes.error) & (np.abs(y) < 3e4)
    expected = Expected(x, y, y, np.where(known, 0.0, np.inf))
    said = "the function is {got:.6g} at {x:.6g}, in float64 it is {low:.6g}"
    _compare(expected, subject.tolerance(subject.value, expected, dtype), forward, dtype, said)


_SHAPES: dict[str, Callable[[Any], Any]] = {
    "0-d": lambda x: x[3:4].reshape(()),
    "an empty array": lambda x: x[:0],
    "a 2-d array": lambda x: x.reshape(3, 4),
    "a transposed array": lambda x: x.reshape(3, 4).T,
    "every other element": lambda x: x[::2],
}


def _shapes(subject: Subject) -> None:
    x, caller = np.linspace(-2.3, 2.5, 12), subject.caller
    flat = _each(subject, x).values
    for what, shaped in _SHAPES.items():
        given, right = shaped(caller.give(x)), shaped(flat)
        given = given if subject.of == "input" else caller.run(subject.f, given)
        returned = caller.apply(subject.df, given)
        if returned.values.shape != right.shape:
            raise Wrong(f"shape lost for {what}: returns shape {returned.values.shape} for {right.shape}")
        if not returned.close_to(right, 1e-12):
            raise Wrong(f"other values for {what} than for the same numbers in a row")


def _calls(subject: Subject) -> None:
    """Whether a call changes its argument, or what later calls return."""
    x, caller = subject.points, subject.caller
    first = subject.derivative(x)
    if first.changed:
        raise Wrong("writes into its argument")
    if caller.apply(subject.f, caller.give(x)).changed:
        raise Wrong("the function writes into its argument")
    for _ in range(_AGAIN):
        if not subject.derivative(x).close_to(first.values, 0.0):
            raise Wrong("keeps state: another result when called again with the same array")
        subject.derivative(x + 1.0)
    reverse = subject.derivative(x[::-1].copy())
    if first.values.shape == x.shape and not reverse.close_to(first.values[::-1], 1e-12):
        raise Wrong("keeps state, or mixes up elements: another result for the reversed array")


def _infinities(subject: Subject) -> str:
    x = np.array([-np.inf, np.inf, np.nan])
    values = np.ravel(subject.derivative(x).values)
    undefined = [f"{at:g}" for at, value in zip(x[:2], values, strict=False) if np.isnan(value)]
    return f"nan at {' and '.join(undefined)}" if undefined else ""
