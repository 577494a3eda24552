"""Linear units: those on which the activation was one straight line, and not a flat one, for every sample."""

from __future__ import annotations

import numpy as np

from rectifiers.diagnosis.quantities._quantity import ENOUGH, Array, Quantity
from rectifiers.diagnosis.quantities.dead import SLOPES

__all__ = ["linear"]


def _figure(high: Array, negated_low: Array, mean: Array) -> float:
    same = high + negated_low <= 1e-6 * np.abs(high)  # a learned slope is known up to rounding
    return float((same & (high != 0) & ~np.isnan(mean)).mean())  # what has diverged is not linear


linear = Quantity("linear", "linear", _figure, (*SLOPES, "x.sum"), fewest=ENOUGH)
