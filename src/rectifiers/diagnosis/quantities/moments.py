"""Moments: mean and standard deviation of pre-activations; of outputs the mean, and the median over units."""

from __future__ import annotations

import math

import numpy as np

from rectifiers.diagnosis.quantities._quantity import Quantity, Sample, Sums, Totals, mean_of

__all__ = ["deviation", "mean", "output_mean", "output_median"]


def _inputs(sample: Sample) -> Sums:
    return {"x.sum": sample.x.sum(dim=0), "x_squared.sum": sample.x.square().sum(dim=0)}


def _outputs(sample: Sample) -> Sums:
    return {"y.sum": sample.y.sum(dim=0), "y_squared.sum": sample.y.square().sum(dim=0)}


def _deviation(totals: Totals) -> float | None:
    first, second = mean_of("x.sum")(totals), mean_of("x_squared.sum")(totals)
    if first is None or second is None:
        return None
    return math.sqrt(max(0.0, second - first * first)) if math.isfinite(second) else second


def _median(totals: Totals) -> float | None:
    means = totals.mean("y.sum")
    return None if means is None else float(np.median(means))


mean = Quantity("mean", "mean", mean_of("x.sum"), _inputs, share=False)
deviation = Quantity("deviation", "std", _deviation, share=False)
output_mean = Quantity("output_mean", "output mean", mean_of("y.sum"), _outputs, share=False)
output_median = Quantity("output_median", "", _median, share=False)  # of the units' mean outputs
