"""The likely cause of a failure, in words."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable

import numpy as np

from rectifiers.verification._calling import Array
from rectifiers.verification._result import Failure
from rectifiers.verification._slopes import find_kinks
from rectifiers.verification._subject import Subject

__all__ = ["likely_cause"]

_OTHER = {"input": "output", "output": "input"}


def likely_cause(subject: Subject, failure: Failure) -> str:
    """Return what the derivative is right for instead, or where it goes wrong."""
    if failure.x is None or failure.got is None or failure.what.startswith("the function"):
        return failure.what
    if not math.isfinite(failure.got):
        return _overflow(subject, failure, failure.x)
    case = _Case(subject, failure)
    causes = _OF_FEW_POINTS if case.fits(case.claimed) else _OF_ALL_POINTS
    return next(filter(None, (cause(case) for cause in causes)))


def _overflow(subject: Subject, failure: Failure, bad: float) -> str:
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
    """A failure, the derivative as given and the right one at ordinary points."""

    def __init__(self, subject: Subject, failure: Failure) -> None:
        self.subject, self.failure, self.x = subject, failure, subject.points
        self.claimed, self.expected = subject.claimed(self.x), subject.expect(self.x)

    def fits(self, values: Array) -> bool:
        """Whether values are right nearly everywhere."""
        expected = self.expected
        slack = 2 * expected.error + 1e-6 * self.subject.scale
        with np.errstate(all="ignore"):  # infinite slopes
            close = (values >= expected.low - slack) & (values <= expected.high + slack)
        return bool(close[np.isfinite(expected.error)].mean() > 0.99)


def _without(places: list[float], others: list[float]) -> list[float]:
    return [x for x in places if all(abs(x - other) > 1e-7 * max(1.0, abs(x)) for other in others)]


def _at_kink(case: _Case) -> str:
    x, expected = case.failure.x, case.failure.expected
    assert x is not None
    if expected is None or all(abs(x - kink.x) > kink.within for kink in case.subject.kinks):
        return ""
    beside = f"the slopes beside it, {expected[0]:.6g} and {expected[1]:.6g}"
    return f"is {case.failure.got:.6g} at the kink {x:.6g}, outside {beside}"


def _switch(case: _Case) -> str:
    """Where the derivative switches and the function does not."""
    found = find_kinks(case.subject.claimed)
    jumps = [kink.x for kink in found if kink.jump and abs(kink.x) <= case.subject.horizon]
    kinks = [kink.x for kink in case.subject.kinks]
    strange, missing = _without(jumps, kinks), _without(kinks, jumps)
    if strange and missing:
        nearest = min(missing, key=lambda kink: abs(kink - strange[0]))
        return f"switches at {strange[0]:.6g} where the function switches at {nearest:.6g}"
    if strange:
        return f"switches at {strange[0]:.6g}, where the function does not"
    return f"does not switch at {missing[0]:.6g}, where the function does" if missing and jumps else ""


def _far_or_close(case: _Case) -> str:
    where = {"tails": "far out", "beside kinks": "close to a kink"}.get(case.failure.test)
    if where:
        return f"wrong {where}, from about {case.failure.x:.4g} on"
    return f"is not exact in {case.failure.dtype}: {case.failure.what}"


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


def _where(case: _Case) -> str:
    """Where the derivative is wrong: from where to where."""
    over = np.maximum(case.expected.low - case.claimed, case.claimed - case.expected.high)
    over = np.where(
        np.isfinite(case.expected.error), np.nan_to_num(over / case.subject.scale, nan=np.inf), 0.0
    )
    off = case.x[over > min(1e-6, over.max() / 2)]
    return f"is not the slope of the function between {off.min():.3g} and {off.max():.3g}"


# the first that says something
_OF_FEW_POINTS: tuple[Callable[[_Case], str], ...] = (_at_kink, _switch, _far_or_close)
_OF_ALL_POINTS: tuple[Callable[[_Case], str], ...] = (*(_other_reading, _constant, _factor, _switch, _where),)
