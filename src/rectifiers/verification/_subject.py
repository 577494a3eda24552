"""What is being checked: a function, the derivative as given, and the truth about it, at points that hurt."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from rectifiers.verification._calling import Array, Caller, Function, Returned
from rectifiers.verification._slopes import FAR, Slopes, find_kinks

__all__ = ["EPSILON", "LARGEST", "Expected", "Subject"]

EPSILON = {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10}
LARGEST = {"float64": 1.79e308, "float32": 3.4e38, "float16": 6.55e4}
_FURTHEST = {"float64": 1e10, "float32": 1e10, "float16": 1e4}
_SMALLEST = {"float64": 5e-324, "float32": 1.4e-45, "float16": 6e-8}
_NORMAL = {"float64": 2.3e-308, "float32": 1.2e-38, "float16": 6.2e-5}
# a tolerance, in units of the dtype's epsilon: a formula of several operations is off by a few
_ULPS = {"float64": 256, "float32": 64, "float16": 16}

_MANY = 10  # kinks far out: then there are more than a scan finds
_BESIDE = np.r_[5e-324, 1e-310, 1e-200, 1e-100, 1e-45, 1e-38, 1e-30, 1e-20, 1e-16, np.logspace(-14, -1, 14),
                3e-3, 3e-2, 3e-1]  # fmt: skip
_TAIL = np.r_[12, 15, 20, 25, 30, 40, 60, 87, 89, 100, 104, 120, 200, 350, 500, 700, 710, 720, 745, 750,
              1e3, 3e3, 1e4, 1e6, 1e10]  # fmt: skip


@dataclass(frozen=True)
class Expected:
    """Right values at points: from `low` to `high`, which differ at kinks alone, each within `error`."""

    x: Array
    low: Array
    high: Array
    error: Array


class Subject:
    """A function and its derivative as given.

    Parameters
    ----------
    f, df : callable
        Of one array each.
    caller : Caller
    of : {"input", "output"}
        What the derivative is given.
    """

    def __init__(self, f: Function, df: Function, caller: Caller, of: str) -> None:
        self.f, self.df, self.caller, self.of = f, df, caller, of
        self.kinks = find_kinks(self.value)
        self.horizon = np.inf
        if sum(abs(kink.x) > FAR for kink in self.kinks) > _MANY:
            self.kinks = tuple(kink for kink in self.kinks if abs(kink.x) <= FAR)
            self.horizon = FAR
        self.slopes = Slopes(self.value, self.kinks)

    def value(self, x: Array) -> Array:
        """Return the function at points of any shape."""
        return self.caller.evaluate(self.f, x)

    def derivative(self, x: Array, dtype: str = "float64", of: str = "") -> Returned:
        """Call the derivative as given: with the input, or with what the function returns for it."""
        given = self.caller.give(x, dtype)
        if (of or self.of) == "output":
            given = self.caller.give(self.caller.apply(self.f, given).values, dtype)
        return self.caller.apply(self.df, given)

    def claimed(self, x: Array, of: str = "") -> Array:
        """Return the derivative as given at points of any shape."""
        values = self.derivative(np.ravel(x), of=of).values
        return np.array(np.broadcast_to(values, np.size(x))).reshape(np.shape(x))

    def expect(self, x: Array) -> Expected:
        """Return the right values at points: at a kink anything between the slopes left and right of it."""
        slopes, errors = self.slopes.at(x)
        low, high = slopes.copy(), slopes.copy()
        for kink in self.kinks:
            here = np.abs(x - kink.x) <= max(kink.within, 4 * np.spacing(abs(kink.x)) if kink.x else 0.0)
            if here.any():
                left, right, error = self.slopes.beside[kink]
                low[here], high[here] = min(left, right), max(left, right)
                errors = np.where(here, error, errors)
        # of what computes in float32 no slope is known to a millionth of the largest
        least = 1e-3 if self.widest == "float64" else 0.1
        rough = errors > 1e-3 * np.maximum(np.abs(slopes), least * self.scale)
        rough |= np.abs(x) > self.horizon
        errors = np.where(rough | ~np.isfinite(self.value(x)), np.inf, errors)
        return Expected(x, low, high, errors)

    @property
    def widest(self) -> str:
        """What the function computes in, whatever it is given, by its rounding errors."""
        return "float32" if self.slopes.usual_noise > 1e-10 * self.scale else "float64"

    @cached_property
    def scale(self) -> float:
        """The largest slope within -2 and 2, or 1 where that is 0: for absolute errors."""
        slopes, errors = self.slopes.at(np.linspace(-2, 2, 201) + 0.0017)
        return float(np.abs(slopes[np.isfinite(errors)]).max(initial=0.0)) or 1.0

    def tolerance(self, function: Function, expected: Expected, dtype: str) -> Array:
        """Return by how much values of a function may be off in a dtype."""
        # a term such as x exp(-x^2) is rounded in proportion to x; what computes in float32 has its rounding
        least = self.scale * np.clip(np.abs(expected.x), 1.0, 10.0)
        size = np.maximum(np.maximum(np.abs(expected.low), np.abs(expected.high)), least)
        rounding = _ULPS[dtype] * EPSILON[dtype] * size + 2 * self.smallest(dtype)
        rounding += 64 * self.slopes.usual_noise + _condition(function, expected.x, dtype)
        return np.asarray(2 * expected.error + rounding, dtype=np.float64)

    @cached_property
    def points(self) -> Array:
        """Ordinary points: round ones, where people put kinks, and random ones."""
        generator = np.random.default_rng(0)
        drawn = generator.normal(size=150) * 3, generator.uniform(-12, 12, 100)
        return np.concatenate((np.arange(-20, 21) / 2.0, *drawn, np.linspace(-8, 8, 97)))

    @cached_property
    def near(self) -> Array:
        """Points beside every kink, on each side; about 0 in any case, subnormal numbers included."""
        parts = [np.array([0.0, -0.0])]
        for place, within in {0.0: 0.0, **{kink.x: kink.within for kink in self.kinks}}.items():
            smallest = max(10 * within, 1e-9 * abs(place), self.smallest(self.widest))
            offsets = _BESIDE[smallest <= _BESIDE]
            parts += [np.array([place]), place + offsets, place - offsets]
        return np.concatenate(parts)

    def everywhere(self, dtype: str) -> Array:
        """Return all points as they are in a dtype, where that moves none across a kink.

        Those in the tails, where exponentials overflow, are as far out as the dtype's squares and cubes go.
        """
        far = _TAIL[_FURTHEST[dtype] >= _TAIL]
        x = np.concatenate((self.points, self.near, -far, far))
        moved = self.caller.take(self.caller.give(x, dtype))
        edges = np.array([kink.x for kink in self.kinks])
        places = self.caller.take(self.caller.give(edges, dtype))  # of the kinks of the function in the dtype
        same = np.sign(moved[:, np.newaxis] - edges) == np.sign(x[:, np.newaxis] - edges)
        apart = (same & ((moved[:, np.newaxis] != places) | (edges == places))).all(axis=1)
        normal = np.isfinite(moved) & ((np.abs(x) >= self.smallest(dtype)) | (x == 0))
        return np.asarray(moved[apart & normal])

    def smallest(self, dtype: str) -> float:
        """The smallest number that is told from 0: XLA, which runs JAX, flushes subnormal ones."""
        return (_NORMAL if self.caller.library == "jax" else _SMALLEST)[dtype]

    def curves(self) -> dict[str, list[Any]]:
        """Return what a picture shows, between -6 and 6 or as far as the kinks are."""
        reach = max(6.0, *(1.5 * abs(kink.x) for kink in self.kinks if abs(kink.x) < 50), 0.0)
        x = np.linspace(-reach, reach, 481) + 1e-4
        expected = self.expect(x)
        claimed = np.full(x.shape, np.nan)
        with contextlib.suppress(Exception):  # the derivative is the user's; what it raises has been told
            claimed = self.claimed(x)
        known = np.where(np.isfinite(expected.error), expected.low, np.nan)
        parts = {"f": self.value(x), "true derivative": known, "derivative as given": claimed}
        return {"x": x.tolist(), **{key: _finite(part) for key, part in parts.items()}}


def _condition(function: Function, x: Array, dtype: str) -> Array:
    """Return by how much values change where the input, or what it is multiplied by, is rounded."""
    reach = max(EPSILON[dtype], 1e-7)  # closer by, the rounding of the function itself would count
    offsets = np.random.default_rng(0).uniform(-2, 2, 12)  # even ones could be those of a period
    around = function(x[:, np.newaxis] * (1 + reach * offsets))
    with np.errstate(all="ignore"):
        moves = np.abs(around - function(x)[:, np.newaxis])
    largest = np.where(np.isfinite(moves), moves, 0.0).max(axis=1, initial=0.0)
    return np.asarray(2 * EPSILON[dtype] / reach * largest, dtype=np.float64)


def _finite(values: Array) -> list[float | None]:
    return [float(v) if np.isfinite(v) else None for v in values]
