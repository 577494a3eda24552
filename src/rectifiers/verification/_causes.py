"""The likely cause of a failure, in words."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable

import numpy as np

from rectifiers.verification._calling import Array
from rectifiers.verification._result import Row
from rectifiers.verification._slopes import Kink, find_kinks
from rectifiers.verification._subject import Subject

__all__ = ["likely_cause"]

_OTHER = {"input": "output", "output": "input"}


def likely_cause(subject: Subject, failure: Row) -> str:
    """Return what the derivative is right for instead, or where it goes wrong."""
    if failure.x is None or failure.got is None or failure.note.startswith("the function"):
        return failure.note
    if not math.isfinite(failure.got):
        return _overflow(subject, failure, failure.x)
    case = _Case(subject)
    causes = (_switch,) if case.fits(case.claimed) else _OF_ALL_POINTS
    found = next(filter(None, (cause(case) for cause in causes)), "")
    return found or f"is not the slope of the function {failure.point}"


def _overflow(subject: Subject, failure: Row, bad: float) -> str:
    """From where on the result is no number."""
    good = 0.123 * math.copysign(1.0, bad)
    kind = "nan" if math.isnan(failure.got or 0.0) else "infinity"
    if abs(bad) <= abs(good):
        return f"gives {kind} at {bad:.6g}"
    for _ in range(60):
        middle = (good + bad) / 2
        value = subject.derivative(np.array([middle]), failure.dtype or "float64").values
        good, bad = (middle, bad) if np.isfinite(value).all() else (good, middle)
    side = "below" if bad < 0 else "above"
    return f"overflows {side} {bad:.4g} in {failure.dtype}: gives {kind}"


class _Case:
    """The derivative as given and the right one at ordinary points."""

    def __init__(self, subject: Subject) -> None:
        self.subject, self.x = subject, subject.points
        self.claimed, self.expected = subject.claimed(self.x), subject.expect(self.x)

    def fits(self, values: Array) -> bool:
        """Whether values are right nearly everywhere."""
        expected = self.expected
        slack = 2 * expected.error + 1e-6 * self.subject.scale
        with np.errstate(all="ignore"):  # infinite slopes
            close = (values >= expected.low - slack) & (values <= expected.high + slack)
        return bool(close[np.isfinite(expected.error)].mean() > 0.99)


def _without(places: list[Kink], others: list[Kink]) -> list[float]:
    """Return where kinks are that are at none of the others', as closely as both are known."""
    return [
        one.x
        for one in places
        if all(
            abs(one.x - other.x) > 1e-7 * max(1.0, abs(one.x)) + one.within + other.within for other in others
        )
    ]


def _switch(case: _Case) -> str:
    """Where the derivative switches and the function does not."""
    found, kinks = find_kinks(case.subject.claimed), list(case.subject.kinks)
    jumps = [kink for kink in found if kink.jump and abs(kink.x) <= case.subject.horizon]
    strange, missing = _without(jumps, kinks), _without(kinks, jumps)
    if strange and missing:
        nearest = min(missing, key=lambda kink: abs(kink - strange[0]))
        digits = next((d for d in range(6, 17) if f"{nearest:.{d}g}" != f"{strange[0]:.{d}g}"), 17)
        return f"switches at {strange[0]:.{digits}g} where the function switches at {nearest:.{digits}g}"
    return f"switches at {strange[0]:.6g}, where the function does not" if strange else ""


def _other_reading(case: _Case) -> str:
    given, other = case.subject.of, _OTHER[case.subject.of]
    with contextlib.suppress(Exception):  # the derivative is given what it may not be made for
        if case.fits(case.subject.claimed(case.x, of=other)):
            return f"is given the {given} but computes from the {other}: check it with of='{other}'"
    return ""


def _constant(case: _Case) -> str:
    same = bool((case.claimed == case.claimed[0]).all())
    return f"returns {case.claimed[0]:.6g} whatever it is given" if same else ""


def _factor(case: _Case) -> str:
    """Whether all of it is off by one factor, such as -1."""
    known = np.isfinite(case.expected.error) & np.isfinite(case.claimed)
    at = int(np.argmax(np.where(known, np.abs(case.expected.low), 0.0)))
    factor = case.claimed[at] / case.expected.low[at] if case.expected.low[at] else 0.0
    return f"off by the factor {factor:.6g}" if factor and case.fits(case.claimed / factor) else ""


# the first that says something
_OF_ALL_POINTS: tuple[Callable[[_Case], str], ...] = (_other_reading, _constant, _factor, _switch)
