"""Linear units: those on which the activation was one straight line, and not a flat one, for every sample."""

from __future__ import annotations

from rectifiers.diagnosis.quantities._quantity import ENOUGH, Quantity, Totals

__all__ = ["linear"]


def _figure(totals: Totals) -> float | None:
    if "steepest.max" not in totals.sums or totals.seen < ENOUGH:
        return None
    high, low = totals.sums["steepest.max"], totals.sums["steepest.min"]
    return float(((high == low) & (high != 0)).mean())


linear = Quantity("linear", "linear", _figure)  # of the slopes that `dead` measures
