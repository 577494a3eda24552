"""Depth map: chi_1, by which the variance of a gradient is multiplied from one site to the one before it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rectifiers.diagnosis.quantities._quantity import Quantity, Sample, Sums

__all__ = ["add_chi", "output_square", "slope_square"]


def _forward(sample: Sample) -> Sums:
    return {} if sample.slope is None else {"slope_squared.sum": sample.slope.square().sum(dim=0)}


slope_square = Quantity("slope_square", "", np.mean, ("slope_squared.sum",), _forward, share=False)
output_square = Quantity("output_square", "", np.mean, ("y_squared.sum",), share=False)


def add_chi(rows: Sequence[dict[str, Any]]) -> None:
    """Add ``chi`` to the figures of sites in a chain: sigma_w^2 E[f'^2], with sigma_w^2 from site to site.

    sigma_w^2 is the next pre-activation's mean square over this output's: it is exact for layers without
    bias, normalisation or skip connection in between.
    """
    for row, following in zip(rows, [*rows[1:], None], strict=True):
        row["chi"] = None
        known = row["output_square"] and row["slope_square"] is not None
        if following is None or following["mean"] is None or not known:
            continue
        variance = (following["mean"] ** 2 + following["deviation"] ** 2) / row["output_square"]
        row["chi"] = variance * row["slope_square"]
