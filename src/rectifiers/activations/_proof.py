"""Run a definition: the formula, its derivative and the kept quantity must belong together.

Asked once, when an activation is made, for several values of each parameter: the derivative is held
against differences of the value at a few hundred points, and at the kinks against both sides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rectifiers.activations._parameters import Autograd, Choice, Learned, Uniform
from rectifiers.activations._record import Elementwise, Formula, Keeps
from rectifiers.activations._words import check_words
from rectifiers.errors import ArgumentError, DefinitionError

__all__ = ["prove"]

Array = NDArray[np.float64]

# Symmetric, so that both sides of an even function are seen; not round, so that no kink is hit by chance.
_HALF = np.concatenate((np.arange(1, 81) / 10 + 0.003737, [12.3, 19.7, 33.3, 50.1, 99.7]))
_POINTS = np.concatenate((-_HALF[::-1], _HALF))
_ROUND = np.arange(-20, 21) / 2.0  # where people put kinks
_FAR = np.array([-1e5, -1e3, 1e3, 1e5])
_STEPS = np.array([1e-2, 1e-3, 1e-4, 1e-5, 1e-6])
_MIDDLE = 2
_TOLERANCE = 1e-6
_EPSILON = float(np.finfo(np.float64).eps)


def prove(record: Elementwise) -> None:
    """Raise `DefinitionError` at the first contradiction in `record`."""
    formulas: dict[str, Formula | None] = {
        "f": record.value,
        "df": record.derivative,
        "df_input": record.derivative_of_input,
    }
    for name, parameter in record.parameters.items():
        if isinstance(parameter, Learned):
            formulas[f"the derivative by {name}"] = parameter.derivative
    for role, formula in formulas.items():
        if not (formula is None or isinstance(formula, Autograd)):
            check_words(f"{record.name}: {role}", formula, list(record.parameters))
    with np.errstate(all="ignore"):
        for values in _samples(record):
            _Proof(record, values).run()


def _samples(record: Elementwise) -> Iterator[tuple[Any, ...]]:
    """The defaults, and each parameter alone at other values it allows."""
    yield record.defaults
    for index, (name, parameter) in enumerate(record.parameters.items()):
        others: tuple[Any, ...]
        if isinstance(parameter, Choice):
            others = parameter.options
        elif isinstance(parameter, Uniform):
            others = (parameter.lower, parameter.upper)
        else:
            others = (0.5 * parameter.default, 1.5 * parameter.default + 0.1)
        for value in others:
            try:
                parameter.check(value, name)
            except ArgumentError:
                continue
            yield (*record.defaults[:index], value, *record.defaults[index + 1 :])


class _Slopes:
    """Slopes of a function by central differences of fourth order, with several step widths.

    A claimed slope is accepted if one width confirms it: wide steps are exact where the function is
    smooth, narrow ones where it bends sharply.
    """

    def __init__(self, function: Callable[[Any], Array]) -> None:
        h = _STEPS[:, np.newaxis]
        near, far = (function(k * h) - function(-k * h) for k in (1, 2))
        self.estimates: Array = (8 * near - far) / (12 * h)
        self.noise: Array = 16 * _EPSILON * np.abs(function(0.0 * h)) / h

    def confirm(self, claimed: Array) -> NDArray[np.bool_]:
        """Return where some estimate agrees with `claimed`."""
        error = np.abs(self.estimates - claimed)
        return np.asarray((error <= _TOLERANCE * np.maximum(1.0, np.abs(claimed)) + self.noise).any(axis=0))

    @property
    def best(self) -> Array:
        """The estimates of the middle width, for messages."""
        middle: Array = self.estimates[_MIDDLE]
        return middle


@dataclass(frozen=True)
class _Proof:
    """One record at one value of each parameter."""

    record: Elementwise
    values: tuple[Any, ...]

    def run(self) -> None:
        kinks = np.array(self.record.kinks_at(*self.values), dtype=np.float64)
        x = _away_from(kinks, _POINTS, 1e-3)
        self._defined(np.concatenate((x, _FAR, kinks)))
        slopes = _Slopes(lambda shift: self._value(x + shift))
        keeps = self.record.keeps_at(*self.values)
        if self.record.derivative_of_input is not None:
            self._compare("df_input", x, self._derivative("input", x), slopes)
        if keeps == self.record.keeps:
            self._compare("df", x, self._derivative(keeps, x), slopes)
        for index, (name, parameter) in enumerate(self.record.parameters.items()):
            if isinstance(parameter, Learned) and not isinstance(parameter.derivative, Autograd):
                self._learned(index, name, parameter, x)
        self._at_kinks(kinks)
        self._declared(_away_from(kinks, _ROUND, 1e-2))

    def _call(self, role: str, formula: Formula, x: Any, values: tuple[Any, ...]) -> Array:
        try:
            result = np.asarray(formula(x, *values), dtype=np.float64)
        except Exception as error:
            raise self._error(f"{role} raised {type(error).__name__}: {error}") from error
        return np.array(np.broadcast_to(result, np.shape(x)))

    def _value(self, x: Any) -> Array:
        return self._call("f", self.record.value, x, self.values)

    def _derivative(self, keeps: Keeps, x: Array) -> Array:
        """The derivative at `x` from what is kept; of the input by its own formula if there is one."""
        if isinstance(self.record.derivative, Autograd):
            return np.asarray(self.record.df(x, *self.values))
        record = self.record
        if keeps == "input" and record.derivative_of_input is not None:
            return self._call("df_input", record.derivative_of_input, x, self.values)
        kept = {"sign": x > 0, "output": self._value(x), "input": x}[keeps]
        return self._call("df", record.derivative, kept, self.values)

    def _defined(self, x: Array) -> None:
        for role, result in (("f", self._value(x)), ("df", self._derivative(self.record.keeps, x))):
            if np.isnan(result).any():
                raise self._error(f"{role} is nan at x={x[_nearest(x, np.isnan(result))]:.6g}")

    def _compare(self, role: str, x: Array, claimed: Array, slopes: _Slopes) -> None:
        confirmed = slopes.confirm(claimed)
        if not confirmed.all():
            at = _nearest(x, ~confirmed)
            raise self._error(
                f"{role} is {claimed[at]:.6g} at x={x[at]:.6g}, but f has slope {slopes.best[at]:.6g} there"
                + (self._cause(x, at, slopes) if role == "df" else "")
            )

    def _cause(self, x: Array, at: int, slopes: _Slopes) -> str:
        """Why `df` may be wrong: written for something else than what is kept, or that does not do."""
        keeps = self.record.keeps
        if keeps == "input":
            return ""
        if slopes.confirm(self._call("df", self.record.derivative, x, self.values)).all():
            return f"; df is right as a function of the input: say keeps='input', not {keeps!r}"
        other = self._same_sign(x, at, slopes) if keeps == "sign" else self._same_output(x, at)
        if other is None:
            return ""
        here = np.array([other])
        there = float(_Slopes(lambda shift: self._value(here + shift)).best[0])
        if abs(there - slopes.best[at]) <= 1e-3 * max(1.0, abs(there)):
            return ""
        same = "sign" if keeps == "sign" else "output"
        return (
            f"; the {same} does not determine the derivative: it is the same at x={other:.6g}, "
            f"with slope {there:.6g}"
        )

    def _same_sign(self, x: Array, at: int, slopes: _Slopes) -> float | None:
        same = (x > 0) == (x[at] > 0)
        distance = np.where(same, np.abs(slopes.best - slopes.best[at]), -1.0)
        return float(x[int(np.argmax(distance))])

    def _same_output(self, x: Array, at: int) -> float | None:
        """Another input with the output of ``x[at]``, by bisection between two points around it."""
        target = self._value(x[at])
        outputs = self._value(x)
        above = outputs > target
        for equal in np.flatnonzero(outputs == target):
            if equal != at:
                return float(x[equal])
        for left in np.flatnonzero(above[:-1] != above[1:]):
            if left in (at - 1, at):
                continue
            low, high = x[left], x[left + 1]
            for _ in range(60):
                middle = (low + high) / 2
                low, high = (middle, high) if (self._value(middle) > target) == above[left] else (low, middle)
            return float(low)
        return None

    def _learned(self, index: int, name: str, parameter: Learned, x: Array) -> None:
        def moved(shift: Array) -> Array:
            values = (*self.values[:index], self.values[index] + shift, *self.values[index + 1 :])
            return self._call("f", self.record.value, x + 0 * shift, values)

        role = f"the derivative by {name}"
        slopes = _Slopes(moved)
        claimed = self._call(role, parameter.derivative, x, self.values)
        confirmed = slopes.confirm(claimed)
        if not confirmed.all():
            at = _nearest(x, ~confirmed)
            raise self._error(
                f"{role} is {claimed[at]:.6g} at x={x[at]:.6g}, but differences give {slopes.best[at]:.6g}"
            )

    def _at_kinks(self, kinks: Array) -> None:
        """At a kink the derivative is anything between its one-sided values, nothing else."""
        near = 1e-9 * np.maximum(1.0, np.abs(kinks))
        keeps = self.record.keeps_at(*self.values)
        left, here, right = (self._derivative(keeps, kinks + side * near) for side in (-1, 0, 1))
        low, high = np.minimum(left, right), np.maximum(left, right)
        slack = 1e-6 * np.maximum(1.0, np.maximum(np.abs(low), np.abs(high)))
        for at in np.flatnonzero(~((low - slack <= here) & (here <= high + slack))):
            raise self._error(
                f"df is {here[at]:.6g} at the kink x={kinks[at]:.6g}, outside the one-sided derivatives "
                f"{left[at]:.6g} and {right[at]:.6g}"
            )

    def _declared(self, x: Array) -> None:
        """Where nothing is declared, the slopes left and right approach each other."""
        wide, narrow = (
            (self._value(x + h) - 2 * self._value(x) + self._value(x - h)) / h for h in (1e-5, 1e-7)
        )
        jump = (np.abs(narrow) > 1e-3) & (np.abs(narrow) > 0.5 * np.abs(wide))
        if jump.any():
            raise self._error(f"the slope of f jumps at x={x[jump][0]:.6g}: name the point in `kinks`")

    def _error(self, what: str) -> DefinitionError:
        values = zip(self.record.parameters, self.values, strict=True)
        suffix = ", ".join(f"{name}={value!r}" for name, value in values)
        return DefinitionError(f"{self.record.name}: {what}" + (f" ({suffix})" if suffix else ""))


def _nearest(x: Array, chosen: NDArray[np.bool_]) -> int:
    """Index of the chosen point nearest to 0, the one a reader can follow."""
    return int(np.argmin(np.where(chosen, np.abs(x), np.inf)))


def _away_from(kinks: Array, x: Array, distance: float) -> Array:
    if not kinks.size:
        return x
    return x[(np.abs(x[:, np.newaxis] - kinks) > distance).all(axis=1)]
