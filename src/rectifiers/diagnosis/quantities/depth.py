"""Mean square slope: what chi_1, the factor per layer of a gradient's variance, is made of."""

from __future__ import annotations

from rectifiers.diagnosis.quantities._quantity import Quantity, Sample, Sums, mean_of

__all__ = ["slope_square"]


def _forward(sample: Sample) -> Sums:
    return {} if sample.slope is None else {"slope_squared.sum": sample.slope.square().sum(dim=0)}


slope_square = Quantity(
    "slope_square",
    "slope²",
    "mean squared derivative of the activation",
    mean_of("slope_squared.sum"),
    _forward,
    share=False,
)
