"""What is tried on every derivative: values, dtypes, shapes, and what else a call changes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from rectifiers.errors import error_line
from rectifiers.verification._calling import Array, Function, Returned
from rectifiers.verification._result import Failure, Row
from rectifiers.verification._subject import EPSILON, Expected, Subject

__all__ = ["Report", "compare", "run"]

_ONE_NUMBER = "returns one number for the whole array"
_AGAIN = 4


@dataclass
class Report:
    """Rows and failures as they are found."""

    rows: list[Row] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)

    def add(self, test: str, tried: str, failure: Failure | None = None, note: str = "") -> None:
        """Add a test: wrong with a failure, a note with one, right otherwise."""
        if failure is not None:
            self.failures.append(failure)
            self.rows.append(Row(test, tried, "wrong", failure.what))
        else:
            self.rows.append(Row(test, tried, "note" if note else "right", note))


def run(subject: Subject, report: Report) -> None:
    """Try everything that needs no autograd."""
    kinks = ", ".join(f"{kink.x:.6g}" for kink in subject.kinks[:6]) or "none"
    groups = {
        "ordinary points": (subject.points, f"{subject.points.size} from -12 to 12"),
        "beside kinks": (subject.near, f"{subject.near.size} points; kinks of the function: {kinks}"),
        "tails": (subject.tails("float64"), "12 to 1e100 and -12 to -1e100"),
    }
    for test, (x, tried) in groups.items():
        report.add(test, tried, _values(subject, test, x, "float64"))
    everywhere = np.concatenate([x for x, _ in groups.values()])
    report.add("function", f"{everywhere.size} points", _function(subject, everywhere))
    for dtype in subject.caller.dtypes:
        _dtype(subject, dtype, report)
    if subject.caller.library != "python":
        report.add("shapes", "0-d, empty, 2-d, transposed, every other", _shapes(subject))
    report.add(
        "calls", f"the same {_AGAIN} times, another in between, reversed; input as before", _calls(subject)
    )
    _infinities(subject, report)


def compare(test: str, expected: Expected, tolerance: Array, got: Array, dtype: str) -> Failure | None:
    """Return the first failure: of the points that are wrong the one whose magnitude is nearest to 1."""
    known = np.isfinite(expected.error)
    with np.errstate(all="ignore"):
        below, above = expected.low - tolerance - got, got - expected.high - tolerance
        right = (below <= 0) & (above <= 0) | (got == expected.low)
    # where the function is too rough, or overflows, nothing is known; but nan is never right next to a number
    wrong = known & ~right
    if not wrong.any():
        return None
    with np.errstate(divide="ignore"):
        at = int(np.argmin(np.where(wrong, np.abs(np.log10(np.maximum(np.abs(expected.x), 1e-300))), np.inf)))
    low, high, value = float(expected.low[at]), float(expected.high[at]), float(got[at])
    nearest = low if value < low else high
    size = abs(nearest) or (abs(value) if math.isfinite(value) else 1.0)
    place = EPSILON[dtype] * 2.0 ** math.floor(math.log2(min(max(size, 1e-280), 1e280)))
    ulp = abs(value - nearest) / place if math.isfinite(value) else None
    kind = "nan" if np.isnan(value) else "infinite" if np.isinf(value) else "wrong"
    what = f"{kind} at {int(wrong.sum())} of {int(known.sum())} points"
    return Failure(test, what, float(expected.x[at]), (low, high), value, ulp, dtype)


def _attempt(subject: Subject, test: str, x: Array, dtype: str) -> tuple[Returned | None, Failure | None]:
    """Return what the derivative is at points, or the failure that there is none for each of them."""
    try:
        returned = subject.derivative(x, dtype)
    except Exception as error:  # noqa: BLE001  the derivative is the user's
        return None, Failure(test, f"raises {error_line(error, 160)}", dtype=dtype)
    if returned.values.shape == x.shape:
        return returned, None
    what = _ONE_NUMBER
    if returned.values.size != 1:
        what = f"returns shape {returned.values.shape} for shape {x.shape}"
    return returned, Failure(test, what, dtype=dtype)


def _values(subject: Subject, test: str, x: Array, dtype: str) -> Failure | None:
    returned, failure = _attempt(subject, test, x, dtype)
    if failure is not None or returned is None:
        return failure
    expected = subject.expect(x)
    return compare(test, expected, subject.tolerance(expected, dtype), returned.values, dtype)


def _function(subject: Subject, x: Array) -> Failure | None:
    """Whether the function itself is a number everywhere, in the shape of its input."""
    values = subject.caller.call(subject.f, x)
    undefined = np.isnan(values.values)
    if undefined.any():
        at = x[undefined][int(np.abs(x[undefined]).argmin())]
        return Failure("function", f"the function gives nan at {at:.6g}, a finite number")
    return None


def _dtype(subject: Subject, dtype: str, report: Report) -> None:
    tails = subject.tails(dtype)
    x = subject.rounded(np.concatenate((subject.points, subject.near, tails)), dtype)
    try:
        forward = subject.caller.call(subject.f, x, dtype)
    except Exception as error:  # noqa: BLE001  the function is the user's
        report.add(dtype, "not tried", note=f"the function raises {error_line(error, 120)}")
        return
    tried = f"{x.size} points"
    returned, failure = _attempt(subject, dtype, x, dtype)
    if failure is not None or returned is None:
        report.add(dtype, tried, failure)
        return
    name, note = returned.dtype, ""
    if EPSILON.get(name, 0.0) > EPSILON[dtype]:
        failure = Failure(dtype, f"returns {name} for {dtype}: digits are lost", dtype=dtype)
    elif name in EPSILON and name != dtype:
        note = f"returns {name}"
    if failure is None and dtype != "float64":  # of float64 the values have been compared
        failure = _values(subject, dtype, x, dtype) or _rounded_function(subject, x, forward, dtype)
    report.add(dtype, tried, failure, note)


def _rounded_function(subject: Subject, x: Array, forward: Returned, dtype: str) -> Failure | None:
    """Whether the function in a dtype is the function in float64."""
    y = np.asarray(subject.value(x), dtype=np.float64)
    known = np.isfinite(y) & (np.abs(y) < 3e4)
    for kink in subject.kinks:
        known &= (np.abs(x - kink.x) > 1e-3) | (not kink.jump)
    expected = Expected(x, y, y, np.where(known, 0.0, np.inf))
    size = np.maximum(np.abs(y), subject.scale * np.maximum(1.0, np.minimum(np.abs(x), 4.0)))
    failure = compare(dtype, expected, 32 * EPSILON[dtype] * size, forward.values, dtype)
    if failure is None or failure.expected is None:
        return None
    what = f"the function is {failure.got:.6g} at {failure.x:.6g}, in float64 it is {failure.expected[0]:.6g}"
    return Failure(dtype, what, failure.x, failure.expected, failure.got, failure.ulp, dtype)


def _shapes(subject: Subject) -> Failure | None:
    x = np.linspace(-2.3, 2.5, 12)
    caller = subject.caller
    shaped: dict[str, tuple[Array, Callable[[Array], Array]]] = {
        "a 0-d array": (x[3], lambda c: c[3]),
        "an empty array": (x[:0], lambda c: c[:0]),
        "a 2-d array": (x.reshape(3, 4), lambda c: c.reshape(3, 4)),
        "a transposed array": (x.reshape(3, 4).T, lambda c: c.reshape(3, 4).T),
        "every other element": (x[::2], lambda c: c[::2]),
    }
    flat = subject.derivative(x).values
    if flat.shape != x.shape:
        return Failure(
            "shapes", _ONE_NUMBER if flat.size == 1 else f"returns shape {flat.shape} for {x.shape}"
        )
    for what, (array, reshape) in shaped.items():
        given = caller.give(x, "float64")
        if what == "a transposed array":
            given = given.reshape(3, 4).T
        elif what == "every other element":
            given = given[::2]
        else:
            given = caller.give(array, "float64")
        try:
            inner = given if subject.of == "input" else subject.f(given)
            returned = caller.call(subject.df, array, given=inner)
        except Exception as error:  # noqa: BLE001  the derivative is the user's
            return Failure("shapes", f"raises {error_line(error, 160)} for {what}")
        if returned.values.shape != np.shape(array):
            lost = "shape lost for 0-d" if what == "a 0-d array" else f"shape lost for {what}"
            return Failure("shapes", f"{lost}: returns shape {returned.values.shape} for {np.shape(array)}")
        if not returned.close_to(reshape(flat), 1e-12):
            return Failure("shapes", f"other values for {what} than for the same numbers in a row")
    return None


def _calls(subject: Subject) -> Failure | None:
    """Whether a call changes its argument, or what later calls return, or mixes up the elements."""
    x = subject.points

    def fail(what: str) -> Failure:
        return Failure("calls", what)

    first = subject.derivative(x)
    if first.changed:
        return fail("writes into its argument")
    if subject.caller.call(subject.f, x).changed and not getattr(subject.f, "inplace", False):
        return fail("the function writes into its argument")
    for _ in range(_AGAIN):
        if not subject.derivative(x).close_to(first.values, 0.0):
            return fail("keeps state: another result when called again with the same array")
        subject.derivative(x + 1.0)
    if not subject.derivative(x).close_to(first.values, 0.0):
        return fail("keeps state: another result for the same array after a call with another one")
    if first.values.shape == x.shape and not subject.derivative(x[::-1].copy()).close_to(
        first.values[::-1], 1e-12
    ):
        return fail("mixes up elements: the reversed array does not give the reversed result")
    return None


def _infinities(subject: Subject, report: Report) -> None:
    x = np.array([-np.inf, np.inf, np.nan])
    try:
        returned = subject.derivative(x).values
    except Exception as error:  # noqa: BLE001  the derivative is the user's
        report.add("infinities", "-inf, inf, nan", note=f"raises {error_line(error, 120)}")
        return
    undefined = [f"{at:g}" for at, value in zip(x[:2], np.ravel(returned), strict=False) if np.isnan(value)]
    report.add("infinities", "-inf, inf, nan", note=f"nan at {' and '.join(undefined)}" if undefined else "")


def elementwise(function: Function, call: Callable[[Function, Array], Returned]) -> bool:
    """Whether a function keeps the shape of a row of numbers and each element depends on its own alone."""
    x = np.linspace(-3.1, 3.3, 16)
    moved = x.copy()
    moved[::2] += 1.0
    before, after = call(function, x), call(function, moved)
    if before.values.shape != x.shape:
        return False
    return bool(np.array_equal(before.values[1::2], after.values[1::2], equal_nan=True))
