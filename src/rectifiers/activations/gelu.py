"""GELU: the input times the probability that a standard normal is below it."""

from __future__ import annotations

from typing import Any

from rectifiers.activations._definition import elementwise
from rectifiers.activations._parameters import Choice
from rectifiers.vocabulary import abs, erfc, exp, sigmoid, where


def f(x: Any, approximate: Any) -> Any:
    """Phi as erfc, which keeps every digit of the tail where 1 + erf has none."""
    if approximate == "tanh":  # (1 + tanh(u)) / 2 is the logistic function of 2 u
        phi = sigmoid(1.5957691216057308 * (x + 0.044715 * x * x * x))
    else:
        phi = 0.5 * erfc(-0.7071067811865476 * x)
    return where(x < -40.0, -0.0, x * phi)


def df(x: Any, approximate: Any) -> Any:
    """Phi(x) + x phi(x); constant where it has long rounded to 0 or 1, infinity included."""
    if approximate == "tanh":
        u = 1.5957691216057308 * (x + 0.044715 * x * x * x)
        du = 1.5957691216057308 * (1.0 + 0.134145 * x * x)
        slope = sigmoid(u) * (1.0 + x * du * sigmoid(-u))
    else:
        slope = 0.5 * erfc(-0.7071067811865476 * x) + x * 0.3989422804014327 * exp(-0.5 * x * x)
    return where(abs(x) > 40.0, where(x > 0, 1.0, 0.0), slope)


gelu = elementwise(
    "gelu",
    f,
    df,
    keeps="input",
    parameters={
        "approximate": Choice(
            "none", ("none", "tanh"), "``'tanh'`` for 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))."
        )
    },
    title="GELU",
    summary="Its input times the probability that a standard normal variable is below it.",
    used_when="Transformers such as BERT, GPT-2 and ViT; smooth.",
    formula="x * Phi(x)",
    source="Hendrycks & Gimpel 2016, Gaussian error linear units",
)
