"""The likely cause of a failure, in words."""

from __future__ import annotations

import math

import numpy as np

from rectifiers.verification._calling import Array
from rectifiers.verification._result import Failure
from rectifiers.verification._slopes import find_kinks
from rectifiers.verification._subject import Subject

__all__ = ["likely_cause"]


def likely_cause(subject: Subject, failure: Failure) -> str:
    """Return what the derivative is right for instead, or where it goes wrong."""
    if failure.x is None or failure.got is None:
        return failure.what
    if failure.what.startswith("the function"):
        return failure.what
    if not math.isfinite(failure.got):
        return _overflow(subject, failure)
    x = subject.points
    claimed = np.broadcast_to(subject.derivative(x).values, x.shape)
    expected = subject.expect(x)
    slack = 2 * expected.error + 1e-6 * subject.scale

    def fits(values: Array) -> bool:
        known = np.isfinite(expected.error) & np.isfinite(values)
        close = (values >= expected.low - slack) & (values <= expected.high + slack)
        return bool(known.sum() > 0.9 * x.size and close[known].mean() > 0.99)

    if fits(claimed):  # ordinary points are right
        if (
            any(abs(failure.x - kink.x) <= kink.within for kink in subject.kinks)
            and failure.expected is not None
        ):
            low, high = failure.expected
            beside = f"the slopes beside it, {low:.6g} and {high:.6g}"
            return f"is {failure.got:.6g} at the kink {failure.x:.6g}, outside {beside}"
        return _switch(subject) or _tail(subject, failure)
    other = _other_reading(subject, x)
    if other is not None and fits(other):
        return _READINGS[subject.of]
    if fits(-claimed):
        return "the sign is wrong"
    spread = float(np.ptp(claimed))
    if spread <= 1e-12 * max(1.0, float(np.abs(claimed).max())):
        return f"returns {claimed[0]:.6g} whatever it is given"
    if np.allclose(claimed, np.asarray(subject.value(x), dtype=np.float64), rtol=1e-9, atol=1e-9):
        return "returns the function itself, not its derivative"
    return (
        _swapped(subject, x, claimed)
        or _switch(subject)
        or _factor(subject, x, claimed)
        or _where(subject, x, claimed)
    )


_READINGS = {
    "input": "is given the input but computes from the output: check it with of='output'",
    "output": "is given the output but computes from the input: check it with of='input'",
}


def _other_reading(subject: Subject, x: Array) -> Array | None:
    """The derivative given what it is not given: the output for the input, or the input for the output."""
    other = Subject.__new__(Subject)
    other.f, other.df, other.caller = subject.f, subject.df, subject.caller
    other.of = "output" if subject.of == "input" else "input"
    try:
        return np.asarray(np.broadcast_to(other.derivative(x).values, x.shape))
    except Exception:  # noqa: BLE001  the derivative is the user's, and given what it may not be made for
        return None


def _overflow(subject: Subject, failure: Failure) -> str:
    """From where on the result is no number."""
    assert failure.x is not None
    good, bad = 0.123 * math.copysign(1.0, failure.x), failure.x
    kind = "nan" if math.isnan(failure.got or 0.0) else "infinity"
    where = f"gives {kind} at {failure.x:.6g}"
    if abs(bad) <= abs(good):
        return where
    for _ in range(60):
        middle = (good + bad) / 2
        value = subject.derivative(np.array([middle]), failure.dtype or "float64").values
        good, bad = (middle, bad) if np.isfinite(value).all() else (good, middle)
    side = "below" if bad < 0 else "above"
    return f"overflows {side} {bad:.4g} in {failure.dtype}: gives {kind}"


def _swapped(subject: Subject, x: Array, claimed: Array) -> str:
    for kink in subject.kinks:
        left, right, _ = subject.slopes.beside(kink)
        near = (np.abs(x - kink.x) < 0.2) & (x != kink.x)
        if (
            near.any()
            and abs(left - right) > 1e-6
            and np.allclose(
                claimed[near], np.where(x[near] > kink.x, left, right), atol=0.2 * abs(left - right)
            )
        ):
            return f"the branches are swapped at {kink.x:.6g}: {left:.6g} belongs below it, {right:.6g} above"
    return ""


def _switch(subject: Subject) -> str:
    """Where the derivative switches and the function does not."""
    places = [kink.x for kink in find_kinks(lambda x: _flat(subject, x)) if kink.jump]
    kinks = [kink.x for kink in subject.kinks]
    strange = [x for x in places if all(abs(x - kink) > 1e-7 * max(1.0, abs(x)) for kink in kinks)]
    missing = [x for x in kinks if all(abs(x - place) > 1e-7 * max(1.0, abs(x)) for place in places)]
    if strange and missing:
        nearest = min(missing, key=lambda kink: abs(kink - strange[0]))
        return f"switches at {strange[0]:.6g} where the function switches at {nearest:.6g}"
    if strange:
        return f"switches at {strange[0]:.6g}, where the function does not"
    return f"does not switch at {missing[0]:.6g}, where the function does" if missing and places else ""


def _flat(subject: Subject, x: Array) -> Array:
    values = subject.derivative(np.ravel(x)).values
    return np.array(np.broadcast_to(values, (np.size(x),))).reshape(np.shape(x))


def _factor(subject: Subject, x: Array, claimed: Array) -> str:
    """Whether all, or one side of a kink, is off by one factor."""
    expected = subject.expect(x)
    apart = (
        np.isfinite(expected.error)
        & (np.abs(expected.low) > 1e-3 * subject.scale)
        & (expected.low == expected.high)
    )
    middle = subject.kinks[0].x if subject.kinks else 0.0
    for side, text in (
        (apart, ""),
        (apart & (x > middle), f" above {middle:g}"),
        (apart & (x < middle), f" below {middle:g}"),
    ):
        if side.sum() > 10:
            ratio = claimed[side] / expected.low[side]
            if abs(ratio[0] - 1) > 1e-8 and float(np.ptp(ratio)) < 1e-6 * max(1.0, abs(float(ratio[0]))):
                return f"off by the factor {ratio[0]:.6g}{text}"
    return ""


def _tail(subject: Subject, failure: Failure) -> str:
    if failure.test in ("tails", "beside kinks"):
        where = "far out" if failure.test == "tails" else "close to a kink"
        return f"wrong {where}, from about {failure.x:.4g} on"
    return f"is not exact in {failure.dtype}: {failure.what}"


def _where(subject: Subject, x: Array, claimed: Array) -> str:
    """Where the derivative is wrong: everywhere, or from where to where."""
    expected = subject.expect(x)
    off = np.isfinite(expected.error) & ((claimed < expected.low - 1e-6) | (claimed > expected.high + 1e-6))
    if not off.any():
        return "is slightly off: is a constant rounded?"
    low, high = float(x[off].min()), float(x[off].max())
    size = float(np.maximum(expected.low - claimed, claimed - expected.high)[off].max())
    if size < 1e-3 * subject.scale:
        return f"is slightly off, by up to {size:.2g}: is a constant rounded?"
    return f"is not the slope of the function between {low:.3g} and {high:.3g}"
