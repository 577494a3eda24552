"""Tanh, the hyperbolic tangent."""

from __future__ import annotations

from typing import Any

from rectifiers.activations._definition import elementwise
from rectifiers.vocabulary import abs, exp
from rectifiers.vocabulary import tanh as hyperbolic_tangent


def f(x: Any) -> Any:
    """The hyperbolic tangent."""
    return hyperbolic_tangent(x)


def df(y: Any) -> Any:
    """In terms of the output."""
    return 1.0 - y * y


def df_input(x: Any) -> Any:
    """In terms of the input, 1 / cosh^2: exact in both tails, where 1 - y^2 cancels."""
    e = exp(-2.0 * abs(x))
    return 4.0 * e / ((1.0 + e) * (1.0 + e))


tanh = elementwise(
    "tanh",
    f,
    df,
    df_input=df_input,
    keeps="output",
    summary="The hyperbolic tangent, from -1 to 1.",
    used_when="Bounded and centred on 0: recurrent networks, outputs in [-1, 1]; saturates in deep ones.",
    formula="tanh(x)",
    source="LeCun, Bottou, Orr & Mueller 1998, Efficient backprop",
)
