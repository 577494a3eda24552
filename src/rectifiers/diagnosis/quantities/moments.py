"""Moments: mean and standard deviation of pre-activations; of outputs the mean, and the median over units."""

from __future__ import annotations

import math

import numpy as np

from rectifiers.diagnosis.quantities._quantity import Array, Quantity, Sample, Sums, precisely

__all__ = ["deviation", "mean", "output_mean", "output_median"]


def _inputs(sample: Sample) -> Sums:
    x = precisely(sample.x)  # of a mean 1000 times the deviation, squares in float32 leave nothing
    return {"x.sum": x.sum(dim=0), "x_squared.sum": x.square_().sum(dim=0)}


def _outputs(sample: Sample) -> Sums:
    return {"y.sum": sample.y.sum(dim=0), "y_squared.sum": sample.y.square().sum(dim=0)}


def _deviation(first: Array, second: Array) -> float:
    mean_square = float(second.mean())
    return math.sqrt(max(0.0, mean_square - first.mean() ** 2)) if math.isfinite(mean_square) else mean_square


mean = Quantity("mean", "mean", np.mean, ("x.sum",), _inputs, share=False)
deviation = Quantity("deviation", "std", _deviation, ("x.sum", "x_squared.sum"), share=False)
output_mean = Quantity("output_mean", "output mean", np.mean, ("y.sum",), _outputs, share=False)
output_median = Quantity("output_median", "", np.median, ("y.sum",), share=False)
