"""Softmax: positive numbers that sum to one."""

from __future__ import annotations

from typing import Any

import numpy as np

from rectifiers.activations._parameters import Integer
from rectifiers.activations._record import AlongAxis


def f(x: Any, dim: int) -> Any:
    """Exponentials over their sum, shifted by the largest so that none overflows."""
    powers = np.exp(x - x.max(axis=dim, keepdims=True, initial=-np.inf))
    return powers / powers.sum(axis=dim, keepdims=True)


def df(x: Any, dim: int) -> Any:
    """The Jacobian s_i (delta_ij - s_j): i stays on axis `dim`, j is a new last axis."""
    s = f(x, dim)
    other = np.expand_dims(np.moveaxis(s, dim, -1), dim % s.ndim)
    identity = np.expand_dims(np.eye(s.shape[dim]), tuple(range(1, s.ndim - dim % s.ndim)))
    return s[..., np.newaxis] * (identity - other)


softmax = AlongAxis(
    "softmax",
    shape="normalise",
    value=f,
    derivative=df,
    parameters={"dim": Integer(-1, "Axis that sums to one; must be given to functions and modules.")},
    summary="Positive numbers that sum to one along an axis.",
    used_when="Class probabilities in the last layer, attention weights; not between hidden layers.",
    formula="exp(x_j) / sum_k exp(x_k)",
    source="Bridle 1990, Probabilistic interpretation of feedforward classification network outputs",
)
