"""Linear units: those on which the activation was one straight line, and not a flat one, for every sample."""

from __future__ import annotations

from rectifiers.diagnosis.quantities._quantity import ENOUGH, Array, Quantity
from rectifiers.diagnosis.quantities.dead import STEEPEST

__all__ = ["linear"]


def _figure(high: Array, low: Array) -> float:
    return float(((high == low) & (high != 0)).mean())


linear = Quantity("linear", "linear", _figure, STEEPEST, fewest=ENOUGH)
