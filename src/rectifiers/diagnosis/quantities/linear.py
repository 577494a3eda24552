"""Linear units: those on which the activation was one straight line for every sample of the window."""

from __future__ import annotations

from rectifiers.diagnosis.quantities._quantity import Quantity, Sample, Sums, Totals
from rectifiers.diagnosis.quantities.dead import ENOUGH

__all__ = ["linear"]


def _forward(sample: Sample) -> Sums:
    if sample.slope is None:
        return {}
    return {"steepest.max": sample.slope.amax(dim=0), "steepest.min": sample.slope.amin(dim=0)}


def _figure(totals: Totals) -> float | None:
    high, low = totals.sums.get("steepest.max"), totals.sums.get("steepest.min")
    if high is None or low is None or totals.seen < ENOUGH:
        return None
    return float(((high == low) & (high != 0)).mean())


linear = Quantity(
    "linear",
    "linear",
    "share of units on which the activation was one straight line, and not a flat one, for every sample",
    _figure,
    _forward,
)
