"""Activations on a grid of inputs and of parameter values: tables a page can look up without any formula.

Every number comes from the activation's own formula under NumPy, or from the function itself and autograd;
nothing is written a second time for the page.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rectifiers.activations import Activation, AlongAxis, Choice, Elementwise, Integer, Real, Uniform
from rectifiers.errors import ArgumentError

if TYPE_CHECKING:
    from rectifiers.arms import Arm

__all__ = ["Branch", "Slider", "Table", "tabulate", "tabulate_arm"]

REACH = 4.0
_POINTS = 129
_COMBINATIONS = 121
# Which entries of a vector are no matter of taste for a drawing of one input.
_NOT_DRAWN = ("dim", "grouping")
_LARGEST_PIECES = 6
_ASIDE = 1e-6  # how far from a kink its sides are computed: further than a search for it may be off

Values = tuple[float | None, ...]
Points = tuple[tuple[float, float], ...]
Line = tuple[NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True)
class Slider:
    """A parameter and the values it is drawn at; `start` is the place of the one given."""

    name: str
    values: tuple[float | str, ...]
    start: int


@dataclass(frozen=True)
class Branch:
    """A function of one input at one choice of parameters, and its derivative; None breaks the line.

    `f_kinks` and `df_kinks` are the points at the kinks, both of them where there is a jump.
    """

    f: Values
    df: Values
    f_kinks: Points
    df_kinks: Points


@dataclass(frozen=True)
class Table:
    """An activation, tabulated.

    Attributes
    ----------
    label : str
    x : tuple of float
        A kink stands twice, with a break between: the derivative may jump there.
    sliders : tuple of Slider
    branches : tuple of tuple of Branch
        For every choice of the sliders, the last one changing fastest: the lines to draw (two for CReLU).
    drawn : str
        How something that is no function of one input was made into one; empty otherwise.
    """

    label: str
    x: tuple[float, ...]
    sliders: tuple[Slider, ...]
    branches: tuple[tuple[Branch, ...], ...]
    drawn: str

    @property
    def start(self) -> int:
        """The place in `branches` the sliders begin at."""
        place = 0
        for slider in self.sliders:
            place = place * len(slider.values) + slider.start
        return place


def tabulate(activation: Activation, label: str, given: Mapping[str, Any]) -> Table:
    """Tabulate an activation over inputs from -4 to 4 and the values of its parameters.

    Parameters
    ----------
    activation : Activation
    label : str
        What it is called in the drawing.
    given : mapping
        Value of every parameter to start with.
    """
    shown = [name for name in activation.parameters if name not in _NOT_DRAWN]
    each = max(3, int(_COMBINATIONS ** (1 / max(1, len(shown)))))
    sliders = tuple(_slider(name, activation.parameters[name], given[name], each) for name in shown)
    fixed = {name: given[name] for name in activation.parameters if name not in shown}
    places = _Places.of(activation.kinks_at(*given.values()) if isinstance(activation, Elementwise) else ())

    def branches(choice: tuple[Any, ...]) -> tuple[Branch, ...]:
        values = {**fixed, **dict(zip(shown, choice, strict=True))}
        in_order = [values[name] for name in activation.parameters]
        kinks = activation.kinks_at(*in_order) if isinstance(activation, Elementwise) else ()
        return places.branches(lambda x: _lines(activation, x, values), kinks)

    choices = itertools.product(*(slider.values for slider in sliders))
    drawn = _DRAWN[activation.shape] if isinstance(activation, AlongAxis) else ""
    return Table(label, places.shown, sliders, tuple(map(branches, choices)), drawn)


def tabulate_arm(arm: Arm) -> Table:
    """Tabulate an activation of torch or of the user's, with the derivative that autograd finds.

    Raises
    ------
    ArgumentError
        An output of it depends on several inputs.
    """
    from rectifiers.verification._slopes import find_kinks

    def lines(x: NDArray[np.float64]) -> list[Line]:
        sampled = arm.curve(x.ravel().tolist())
        if sampled is None:
            raise ArgumentError(
                f"a drawing is of a function of one input, but an output of {arm.label} depends on several"
            )
        return [(np.reshape(sampled.f, x.shape), np.reshape(sampled.df, x.shape))]

    kinks = [kink.x for kink in find_kinks(lambda x: lines(x)[0][0])]
    places = _Places.of(kinks)
    how = "the derivative is autograd's, and kinks were searched for"
    return Table(arm.label, places.shown, (), (places.branches(lines, kinks),), how)


@dataclass(frozen=True)
class _Places:
    """Where points are drawn, the inputs they are computed at, and which of them break the line.

    At a kink: the limit from the left, a break, the limit from the right.
    """

    shown: tuple[float, ...]
    inputs: tuple[float, ...]
    breaks: frozenset[int]

    @staticmethod
    def of(kinks: Sequence[float]) -> _Places:
        inside = sorted(kink for kink in kinks if -REACH < kink < REACH)
        rows = [(x, x, False) for x in np.linspace(-REACH, REACH, _POINTS).tolist() if x not in inside]
        for kink in inside:
            left, right = _beside(kink)
            rows += [(kink, left, False), (kink, kink, True), (kink, right, False)]
        shown, inputs, breaks = zip(*sorted(rows), strict=True)
        return _Places(shown, inputs, frozenset(index for index, here in enumerate(breaks) if here))

    def branches(
        self, lines: Callable[[NDArray[np.float64]], list[Line]], kinks: Sequence[float]
    ) -> tuple[Branch, ...]:
        """Return functions and derivatives, the kinks of this choice of parameters marked."""
        marked = [kink for kink in kinks if -REACH < kink < REACH]
        sides = [side for kink in marked for side in _beside(kink)]
        beside = [kink for kink in marked for _ in range(2)]
        n, found = len(self.inputs), []
        for both in lines(np.array([*self.inputs, *sides])):
            f, df = (_listed(part[:n], self.breaks) for part in both)
            marks = (dict.fromkeys(zip(beside, part[n:].round(4).tolist(), strict=True)) for part in both)
            found.append(Branch(f, df, *map(tuple, marks)))
        return tuple(found)


def _beside(kink: float) -> tuple[float, float]:
    return kink - _ASIDE, kink + _ASIDE


def _slider(name: str, parameter: Any, given: Any, count: int) -> Slider:
    values: list[float | str]
    if isinstance(parameter, Choice):
        values = list(parameter.options)
        return Slider(name, tuple(values), values.index(given))
    if isinstance(parameter, Integer):
        last = max(_LARGEST_PIECES, int(given))
        values = [float(k) for k in range(parameter.minimum or 0, last + 1)]
        return Slider(name, tuple(int(value) for value in values), values.index(float(given)))
    start = float(np.asarray(given))
    reach = math.copysign(max(1.0, 2.0 * abs(start), 2.0 * abs(parameter.default)), parameter.default)
    steps = min(count, 41) - 1
    grid = {float(f"{reach * k / steps:.3g}") for k in range(steps + 1)} | {float(f"{start:.6g}")}
    allowed = sorted(value for value in grid if _allows(parameter, value))
    return Slider(name, tuple(allowed), allowed.index(float(f"{start:.6g}")))


def _allows(parameter: Any, value: float) -> bool:
    if not isinstance(parameter, Real):
        return isinstance(parameter, Uniform) or math.isfinite(value)
    return not (parameter.nonzero and value == 0.0) and (parameter.above is None or value > parameter.above)


def _listed(values: NDArray[np.float64], breaks: frozenset[int]) -> Values:
    return tuple(
        None if index in breaks or not math.isfinite(value) else float(f"{value:.4g}")
        for index, value in enumerate(values.tolist())
    )


_DRAWN = {
    "one to two": "two outputs per input: both are drawn",
    "k to one": "drawn with k tangents of x²/4 as its pieces",
    "two halves to one": "by the half that gates; the other half is 1",
    "normalise": "the first of the two entries of softmax(x, 0)",
}


def _lines(activation: Activation, x: NDArray[np.float64], values: Mapping[str, Any]) -> list[Line]:
    if not isinstance(activation, AlongAxis):
        return [(activation.f(x, **values), activation.df(x, **values))]
    return _ALONG_AXIS[activation.shape](activation, x, {**values, "dim": -1})


def _both_halves(activation: Activation, x: NDArray[np.float64], values: Mapping[str, Any]) -> list[Line]:
    f, df = activation.f(x[:, None], **values), activation.df(x[:, None], **values)
    return [(f[:, 0], df[:, 0]), (f[:, 1], df[:, 1])]


def _tangents(activation: Activation, x: NDArray[np.float64], values: Mapping[str, Any]) -> list[Line]:
    pieces = values["pieces"]
    touch = np.linspace(-3.0, 3.0, pieces) if pieces > 1 else np.zeros(1)
    slope, offset = touch / 2.0, -(touch**2) / 4.0
    z = x[:, None] * slope + offset
    return [(activation.f(z, **values)[:, 0], (activation.df(z, **values) * slope).sum(axis=1))]


def _gate(activation: Activation, x: NDArray[np.float64], values: Mapping[str, Any]) -> list[Line]:
    z = np.stack([np.ones_like(x), x], axis=-1)
    return [(activation.f(z, **values)[:, 0], activation.df(z, **values)[:, 1])]


def _first_entry(activation: Activation, x: NDArray[np.float64], values: Mapping[str, Any]) -> list[Line]:
    z = np.stack([x, np.zeros_like(x)], axis=-1)
    return [(activation.f(z, **values)[:, 0], activation.df(z, **values)[:, 0, 0])]


_ALONG_AXIS = {
    "one to two": _both_halves,
    "k to one": _tangents,
    "two halves to one": _gate,
    "normalise": _first_entry,
}
