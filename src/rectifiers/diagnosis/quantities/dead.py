"""Dead units: those whose derivative was 0 for every sample of the window: no gradient passes."""

from __future__ import annotations

from rectifiers.diagnosis.quantities._quantity import ENOUGH, Array, Quantity, Sample, Sums

__all__ = ["STEEPEST", "dead"]

STEEPEST = ("steepest.max", "steepest.min")


def _forward(sample: Sample) -> Sums:
    if sample.slope is None:
        return {}
    return {"steepest.max": sample.slope.amax(dim=0), "steepest.min": sample.slope.amin(dim=0)}


def _figure(high: Array, low: Array) -> float:
    return float(((high == 0) & (low == 0)).mean())


dead = Quantity("dead", "dead", _figure, STEEPEST, _forward, fewest=ENOUGH)
