"""CReLU: the positive and the negative part, side by side."""

from __future__ import annotations

from typing import Any

import numpy as np

from rectifiers.activations._parameters import Integer
from rectifiers.activations._record import AlongAxis


def f(x: Any, dim: int) -> Any:
    """Both parts, concatenated along `dim`."""
    return np.concatenate((np.where(x < 0, 0.0, x), np.where(x > 0, 0.0, -x)), axis=dim)


def df(x: Any, dim: int) -> Any:
    """Derivative of each output with respect to its input, shaped as the output; 0 at 0 in both halves."""
    return np.concatenate((np.where(x <= 0, 0.0, 1.0), np.where(x >= 0, 0.0, -1.0)), axis=dim)


crelu = AlongAxis(
    "crelu",
    shape="one to two",
    value=f,
    derivative=df,
    parameters={"dim": Integer(1, "Axis of the features, which becomes twice as long.")},
    title="CReLU",
    summary="The positive and the negative part of its input, concatenated: twice the features, no loss.",
    used_when="First layers of a CNN, whose filters come in opposite pairs; doubles the width.",
    formula="(max(0, x), max(0, -x))",
    source="Shang, Sohn, Almeida & Lee 2016, Understanding and improving convolutional neural networks via "
    "concatenated rectified linear units",
)
