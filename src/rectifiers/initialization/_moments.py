"""What an activation makes of normal pre-activations: moments of its outputs and slopes."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from rectifiers import vocabulary

__all__ = ["Array", "GatedBy", "Largest", "Measured", "Moments", "Pointwise", "Slopes", "expect"]

Array: TypeAlias = NDArray[np.float64]
Function: TypeAlias = Callable[[Array], Array]

_REACH = 16.0  # the normal density outside is below 1e-55
_HALVINGS = 48


@dataclass(frozen=True)
class Measured:
    """A number and a bound on its error."""

    value: float
    error: float


class Moments(ABC):
    """Of an activation f and z ~ N(0, 1)."""

    @abstractmethod
    def square(self, scale: float = 1.0) -> Measured:
        """Return E[f(scale z)^2]."""

    @abstractmethod
    def mean(self, scale: float = 1.0) -> float:
        """Return E[f(scale z)]."""

    @abstractmethod
    def slope_square(self, scale: float = 1.0) -> float:
        """Return E[f'(scale z)^2]."""


@dataclass(frozen=True)
class Slopes(Moments):
    """z where positive, r z elsewhere: r fixed, learned or random, with its mean and mean square."""

    slope: float
    squared_slope: float

    def square(self, scale: float = 1.0) -> Measured:
        """(1 + E[r^2]) / 2 of the variance."""
        value = 0.5 * scale**2 * (1 + self.squared_slope)
        return Measured(value, 1e-15 * value)

    def mean(self, scale: float = 1.0) -> float:
        """(1 - E[r]) / sqrt(2 pi) of the standard deviation."""
        return scale * (1 - self.slope) / math.sqrt(2 * math.pi)

    def slope_square(self, scale: float = 1.0) -> float:
        """(1 + E[r^2]) / 2."""
        return 0.5 * (1 + self.squared_slope)


@dataclass(frozen=True)
class Largest(Moments):
    """Maxout: the largest of k normal variables, with density k phi(z) Phi(z)^(k-1)."""

    pieces: int

    def _weighted(self, z: Array) -> Array:
        below: Array = 0.5 * vocabulary.erfc(-z * math.sqrt(0.5))
        weighted: Array = self.pieces * below ** (self.pieces - 1)
        return weighted

    def square(self, scale: float = 1.0) -> Measured:
        """E[z^2 k Phi(z)^(k-1)] of the variance."""
        found = expect(lambda z: z * z * self._weighted(z))
        return Measured(scale**2 * found.value, scale**2 * found.error)

    def mean(self, scale: float = 1.0) -> float:
        """E[z k Phi(z)^(k-1)] of the standard deviation."""
        return scale * expect(lambda z: z * self._weighted(z)).value

    def slope_square(self, scale: float = 1.0) -> float:
        """1: of the piece that wins."""
        return 1.0


@dataclass(frozen=True)
class GatedBy(Moments):
    """A normal variable times a gate of another one: f(a, b) = a g(b)."""

    gate: Moments

    def square(self, scale: float = 1.0) -> Measured:
        """E[a^2] E[g(b)^2]."""
        found = self.gate.square(scale)
        return Measured(scale**2 * found.value, scale**2 * found.error)

    def mean(self, scale: float = 1.0) -> float:
        """0."""
        return 0.0

    def slope_square(self, scale: float = 1.0) -> float:
        """E[g(b)^2] by the one input, and E[a^2] E[g'(b)^2] by the other."""
        return self.gate.square(scale).value + scale**2 * self.gate.slope_square(scale)


@dataclass(frozen=True)
class Pointwise(Moments):
    """Any function of one number, as arrays of squares, values and squared slopes at points.

    Several channels with parameters of their own have their average there.
    """

    squares: Function
    values: Function
    squared_slopes: Function

    def square(self, scale: float = 1.0) -> Measured:
        """By quadrature."""
        return expect(lambda z: self.squares(scale * z))

    def mean(self, scale: float = 1.0) -> float:
        """By quadrature."""
        return expect(lambda z: self.values(scale * z)).value

    def slope_square(self, scale: float = 1.0) -> float:
        """By quadrature."""
        return expect(lambda z: self.squared_slopes(scale * z)).value


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
    total, error = 0.0, 8e-16 * size
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
