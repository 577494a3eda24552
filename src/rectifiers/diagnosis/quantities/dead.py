"""Dead units: those whose derivative was 0 for every sample of the window: no gradient passes."""

from __future__ import annotations

from rectifiers.diagnosis.quantities._quantity import Quantity, Sample, Sums, Totals

__all__ = ["ENOUGH", "dead"]

ENOUGH = 128  # positions: fewer say little about a unit that fires seldom


def _forward(sample: Sample) -> Sums:
    return {} if sample.slope is None else {"slope.max": sample.slope.abs().amax(dim=0)}


def _figure(totals: Totals) -> float | None:
    steepest = totals.sums.get("slope.max")
    return None if steepest is None or totals.seen < ENOUGH else float((steepest == 0).mean())


dead = Quantity(
    "dead", "dead", "share of units whose derivative was 0 for every sample of the window", _figure, _forward
)
