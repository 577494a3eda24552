"""Moments: mean and standard deviation of pre-activations, mean of outputs."""

from __future__ import annotations

import math

from rectifiers.diagnosis.quantities._quantity import Quantity, Sample, Sums, Totals, mean_of

__all__ = ["deviation", "mean", "output_mean"]


def _forward(sample: Sample) -> Sums:
    return {
        "x.sum": sample.x.sum(dim=0),
        "x_squared.sum": sample.x.square().sum(dim=0),
        "x_lowest.min": sample.x.amin(dim=0),
        "x_highest.max": sample.x.amax(dim=0),
    }


def _outputs(sample: Sample) -> Sums:
    return {"y.sum": sample.y.sum(dim=0), "y_squared.sum": sample.y.square().sum(dim=0)}


def _deviation(totals: Totals) -> float | None:
    first, second = mean_of("x.sum")(totals), mean_of("x_squared.sum")(totals)
    if first is None or second is None:
        return None
    return math.sqrt(max(0.0, second - first * first)) if math.isfinite(second) else second


mean = Quantity(
    "mean",
    "mean",
    "mean of the pre-activations, over units and samples",
    mean_of("x.sum"),
    _forward,
    share=False,
)
deviation = Quantity(
    "deviation",
    "std",
    "standard deviation of the pre-activations, over units and samples",
    _deviation,
    share=False,
)
output_mean = Quantity(
    "output_mean", "output mean", "mean of the outputs", mean_of("y.sum"), _outputs, share=False
)
