"""Dead units: those whose derivative was 0 for every sample of the window: no gradient passes."""

from __future__ import annotations

from rectifiers.diagnosis.quantities._quantity import ENOUGH, Quantity, Sample, Sums, Totals

__all__ = ["dead"]


def _forward(sample: Sample) -> Sums:
    if sample.slope is None:
        return {}
    return {"steepest.max": sample.slope.amax(dim=0), "steepest.min": sample.slope.amin(dim=0)}


def _figure(totals: Totals) -> float | None:
    if "steepest.max" not in totals.sums or totals.seen < ENOUGH:
        return None
    return float(((totals.sums["steepest.max"] == 0) & (totals.sums["steepest.min"] == 0)).mean())


dead = Quantity("dead", "dead", _figure, _forward)
