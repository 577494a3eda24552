"""Gradient: its root mean square at a site, by which vanishing and exploding are seen."""

from __future__ import annotations

import math

from rectifiers.diagnosis.quantities._quantity import Quantity, Sample, Sums, Totals, mean_of

__all__ = ["gradient"]


def _backward(sample: Sample) -> Sums:
    assert sample.gradient is not None
    return {"gradient_squared.sum": sample.gradient.square().sum(dim=0)}


def _figure(totals: Totals) -> float | None:
    square = mean_of("gradient_squared.sum")(totals)
    return None if square is None else math.sqrt(square) if math.isfinite(square) else square


gradient = Quantity("gradient", "gradient RMS", _figure, backward=_backward, share=False)
