"""Sigmoid, the logistic function."""

from __future__ import annotations

from typing import Any

from rectifiers.activations._definition import elementwise
from rectifiers.vocabulary import sigmoid as logistic


def f(x: Any) -> Any:
    """The logistic function."""
    return logistic(x)


def df(y: Any) -> Any:
    """In terms of the output."""
    return y * (1.0 - y)


def df_input(x: Any) -> Any:
    """In terms of the input: exact in the right tail, where 1 - y cancels."""
    return logistic(x) * logistic(-x)


sigmoid = elementwise(
    "sigmoid",
    f,
    df,
    df_input=df_input,
    keeps="output",
    summary="The logistic function, from 0 to 1.",
    used_when="Probabilities and gates; in hidden layers it saturates and slows learning.",
    formula="1 / (1 + exp(-x))",
    source="Rumelhart, Hinton & Williams 1986, Learning representations by back-propagating errors",
)
