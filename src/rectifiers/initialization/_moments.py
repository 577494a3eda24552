"""What an activation makes of normal pre-activations: moments of its outputs and slopes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rectifiers import vocabulary

__all__ = ["Array", "Measured", "Moments", "expect", "largest"]

Array: TypeAlias = NDArray[np.float64]
Function: TypeAlias = Callable[[Any], Any]  # of arrays, or of tensors

_REACH = 16.0  # the normal density outside is below 1e-55
_HALVINGS = 48


@dataclass(frozen=True)
class Measured:
    """A number and a bound on its error."""

    value: float
    error: float


def expect(function: Function) -> Measured:
    """Return E[function(z)], z ~ N(0, 1).

    Gauss-Legendre panels are halved until both halves agree with the whole, so that kinks and jumps are
    closed in on wherever they are. The error adds up what they differ by, and rounding.
    """
    nodes, weights = np.polynomial.legendre.leggauss(12)
    edges = np.linspace(-_REACH, _REACH, 65)

    def panels(low: Array, high: Array) -> Array:
        half = (high - low)[:, np.newaxis] / 2
        z = low[:, np.newaxis] + half * (1 + nodes)
        with np.errstate(all="ignore"):
            values = function(z) * np.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)
        sums: Array = (half * weights * values).sum(axis=1)
        return sums

    low, high = edges[:-1], edges[1:]
    whole = panels(low, high)
    size = float(np.abs(whole).sum())
    tolerance = 1e-15 * size
    total, error = 0.0, 2e-15 * size
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        left, right = panels(low, middle), panels(middle, high)
        differs = np.abs(left + right - whole)
        open_ = differs > tolerance
        total += float((left + right)[~open_].sum())
        error += float(differs[~open_].sum())
        if not open_.any():
            return Measured(total, error)
        low, high = (np.concatenate((a[open_], b[open_])) for a, b in ((low, middle), (middle, high)))
        whole = np.concatenate((left[open_], right[open_]))
    return Measured(total + float(whole.sum()), error + float(np.abs(whole).sum()))


@dataclass(frozen=True)
class Moments:
    """Of an activation f and z ~ N(0, 1), as functions of a scale s.

    Attributes
    ----------
    values : callable
        f at points.
    squared_slopes : callable
        The squares of the derivatives of an output by its inputs, added up.
    expect : callable
        Means of such functions. Several channels with parameters of their own have their average there.
    """

    values: Function
    squared_slopes: Function
    expect: Callable[[Function], Measured] = expect

    def square(self, scale: float) -> Measured:
        """Return E[f(s z)^2]."""
        return self.expect(lambda z: self.values(scale * z) ** 2)

    def mean(self, scale: float) -> float:
        """Return E[f(s z)]."""
        return self.expect(lambda z: self.values(scale * z)).value

    def slope_square(self, scale: float) -> float:
        """Return E[f'(s z)^2]."""
        return self.expect(lambda z: self.squared_slopes(scale * z)).value


def largest(pieces: int) -> Moments:
    """Maxout: the largest of k normal variables, with density k phi(z) Phi(z)^(k-1)."""

    def weight(z: Array) -> Array:
        below: Array = 0.5 * vocabulary.erfc(-z * math.sqrt(0.5))
        return pieces * below ** (pieces - 1)

    # its slope is 1, of the piece that wins
    return Moments(np.positive, np.ones_like, lambda f: expect(lambda z: f(z) * weight(z)))
