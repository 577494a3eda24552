"""How does a difference change along a quantity, such as depth? A line through each seed's differences."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from rectifiers.errors import ArgumentError, ShapeError
from rectifiers.evidence import paired
from rectifiers.evidence._checks import level, sample

__all__ = ["Trend", "trend"]


@dataclass(frozen=True)
class Trend:
    """How a difference changes along a quantity.

    Attributes
    ----------
    slope : float
        Mean over the seeds of the least-squares slope, in units of the metric per unit of the quantity.
    low, high : float or None
        Student's interval for it; None below two seeds.
    n : int
        Number of seeds.
    """

    slope: float
    low: float | None
    high: float | None
    n: int


def trend(differences: ArrayLike, along: ArrayLike, *, alpha: float) -> Trend:
    """Fit a line to the differences of each seed, and give an interval for the mean slope over the seeds.

    Parameters
    ----------
    differences : array_like of shape (levels, n)
        arm - control, or its magnitude; column i comes from one seed at every level.
    along : array_like of shape (levels,)
        The quantity, such as the logarithm of the depth; at least two different values.
    alpha : float
        Probability that the interval misses.

    Returns
    -------
    Trend

    Raises
    ------
    ArgumentError, ShapeError
        If a value is not finite, the shapes do not fit, or the quantity does not vary.

    Notes
    -----
    The slopes of single seeds are independent of each other whatever the errors along the levels are, so that
    no model of them is needed.

    Examples
    --------
    >>> found = trend([[1.0, 1.2, 0.9], [0.6, 0.7, 0.5], [0.2, 0.1, 0.2]], [1, 2, 3], alpha=0.05)
    >>> round(found.slope, 3), found.high < 0
    (-0.433, True)
    """
    x, level_ = sample("along", along), level(alpha)
    values = np.asarray(differences, dtype=np.float64)
    if values.ndim != 2 or values.shape[0] != x.size or not values.shape[1]:
        raise ShapeError(
            f"`differences` has one row per value of `along` and one column per seed, but got shape "
            f"{values.shape} for {x.size} values"
        )
    if not np.isfinite(values).all():
        raise ArgumentError("`differences` must be finite: leave out seeds in which a run failed")
    centred = x - x.mean()
    if not (centred @ centred) > 0:
        raise ArgumentError(f"`along` must have two different values, but got {x.tolist()}")
    slopes = centred @ values / (centred @ centred)
    mean, n = float(slopes.mean()), int(slopes.size)
    if n < 2:
        return Trend(mean, None, None, n)
    half = paired.half_width(float(slopes.std(ddof=1)), n, level_)
    return Trend(mean, mean - half, mean + half, n)
