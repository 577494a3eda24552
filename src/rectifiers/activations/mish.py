"""Mish: the input times the hyperbolic tangent of its softplus."""

from __future__ import annotations

from typing import Any

from rectifiers.activations._definition import elementwise
from rectifiers.vocabulary import abs, exp, sigmoid, where


def f(x: Any) -> Any:
    """With e = e^-|x|, tanh(log(1 + e^x)) is a ratio of polynomials that neither overflows nor cancels."""
    e = exp(-abs(x))
    scale = where(x > 0, 1.0 + 2.0 * e + 2.0 * e * e, e * e + 2.0 * e + 2.0)
    weight = where(x > 0, 1.0 + 2.0 * e, e * (e + 2.0)) / scale
    return where(x < -1000.0, -0.0, x * weight)


def df(x: Any) -> Any:
    """With w the tangent, w + x (1 - w) (1 + w) sigmoid(x)."""
    e = exp(-abs(x))
    scale = where(x > 0, 1.0 + 2.0 * e + 2.0 * e * e, e * e + 2.0 * e + 2.0)
    weight = where(x > 0, 1.0 + 2.0 * e, e * (e + 2.0)) / scale
    rest = where(x > 0, 2.0 * e * e, 2.0) / scale
    slope = weight + x * rest * (1.0 + weight) * sigmoid(x)
    return where(abs(x) > 1000.0, where(x > 0, 1.0, 0.0), slope)


mish = elementwise(
    "mish",
    f,
    df,
    keeps="input",
    summary="Its input times the hyperbolic tangent of its softplus.",
    used_when="As silu, somewhat dearer: convolutional networks such as YOLOv4.",
    formula="x * tanh(log(1 + exp(x)))",
    source="Misra 2019, Mish: a self regularized non-monotonic activation function",
)
