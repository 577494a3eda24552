"""SiLU, also called Swish: the input times its logistic function."""

from __future__ import annotations

from typing import Any

from rectifiers.activations._definition import elementwise
from rectifiers.vocabulary import abs, sigmoid, where


def f(x: Any) -> Any:
    """The input times its logistic function; -0 where that has long rounded to it, infinity included."""
    return where(x < -1000.0, -0.0, x * sigmoid(x))


def df(x: Any) -> Any:
    """From the input: constant where it has long rounded to 0 or 1."""
    return where(abs(x) > 1000.0, where(x > 0, 1.0, 0.0), sigmoid(x) * (1.0 + x * sigmoid(-x)))


silu = elementwise(
    "silu",
    f,
    df,
    keeps="input",
    title="SiLU",
    also_called=["swish"],
    summary="Its input times the logistic function of it; also called Swish.",
    used_when="Convolutional networks such as EfficientNet; smooth, cheaper than gelu; also called swish.",
    formula="x / (1 + exp(-x))",
    source="Elfwing, Uchibe & Doya 2017, Sigmoid-weighted linear units; "
    "Ramachandran, Zoph & Le 2017, Searching for activation functions",
)
