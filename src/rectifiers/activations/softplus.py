"""Softplus: a smooth ReLU."""

from __future__ import annotations

from typing import Any

from rectifiers.activations._definition import elementwise
from rectifiers.activations._parameters import Real
from rectifiers.vocabulary import abs, exp, log1p, maximum, sigmoid, where


def f(x: Any, beta: Any, threshold: Any) -> Any:
    """The logarithm of 1 + e^(beta x), over beta; the input itself above the threshold."""
    z = beta * x
    return where(z > threshold, x, (maximum(z, 0.0) + log1p(exp(-abs(z)))) / beta)


def df(x: Any, beta: Any, threshold: Any) -> Any:
    """The logistic function of beta x; 1 above the threshold."""
    return where(beta * x > threshold, 1.0, sigmoid(beta * x))


softplus = elementwise(
    "softplus",
    f,
    df,
    keeps="input",
    parameters={
        "beta": Real(1.0, "Sharpness; not 0.", nonzero=True),
        "threshold": Real(20.0, "The function is the input where beta * x is above it."),
    },
    kinks=lambda beta, threshold: (threshold / beta,),
    title="Softplus",
    summary="A smooth ReLU; sharper for a larger beta, the input itself where beta * x > threshold.",
    used_when="Outputs that must be positive (scales, rates); a smooth relu.",
    formula="log(1 + exp(beta * x)) / beta",
    source="Dugas, Bengio, Belisle, Nadeau & Garcia 2001, Incorporating second-order functional knowledge",
)
