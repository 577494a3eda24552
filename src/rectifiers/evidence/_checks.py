"""Rules that several tests of this room put on what they are given."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rectifiers.errors import ArgumentError, ShapeError

__all__ = ["level", "not_negative", "positive", "sample"]


def sample(name: str, values: ArrayLike) -> NDArray[np.float64]:
    """Return `values` as a finite float64 vector."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise ShapeError(
            f"`{name}` must be one-dimensional (one value per seed), but got shape {array.shape}"
        )
    if not np.isfinite(array).all():
        raise ArgumentError(f"`{name}` must be finite, but got {array.tolist()}: leave failed runs out")
    return array


def level(alpha: float) -> float:
    """Return `alpha` when it is an error probability."""
    if not 0.0 < alpha < 1.0:
        raise ArgumentError(f"`0 < alpha < 1` must hold, but got alpha={alpha!r}")
    return float(alpha)


def not_negative(name: str, value: float) -> float:
    """Return `value` when it is finite and at least 0."""
    if not (math.isfinite(value) and value >= 0.0):
        raise ArgumentError(f"`{name} >= 0` must hold, but got {name}={value!r}")
    return float(value)


def positive(name: str, value: float) -> float:
    """Return `value` when it is finite and above 0."""
    if not (math.isfinite(value) and value > 0.0):
        raise ArgumentError(f"`{name} > 0` must hold, but got {name}={value!r}")
    return float(value)
