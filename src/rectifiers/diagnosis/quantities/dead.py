"""Dead units: those whose derivative was 0 for every sample of the window: no gradient passes."""

from __future__ import annotations

from rectifiers.diagnosis.quantities._quantity import ENOUGH, Array, Quantity, Sample, Sums

__all__ = ["SLOPES", "dead"]

SLOPES = ("slope.max", "slope_negated.max")


def _forward(sample: Sample) -> Sums:
    if sample.slope is None:
        return {}
    return {"slope.max": sample.slope.amax(dim=0), "slope_negated.max": -sample.slope.amin(dim=0)}


def _figure(high: Array, negated_low: Array) -> float:
    return float(((high == 0) & (negated_low == 0)).mean())


dead = Quantity("dead", "dead", _figure, SLOPES, _forward, fewest=ENOUGH)
