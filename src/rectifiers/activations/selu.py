"""SELU: ELU scaled so that zero mean and unit variance are a fixed point."""

from __future__ import annotations

from typing import Any

from rectifiers.activations._definition import elementwise
from rectifiers.vocabulary import abs, exp, expm1, where

# Written as numbers in each formula: scale = 1.0507..., and scale * alpha = 1.0507... * 1.6732...


def f(x: Any) -> Any:
    """The scaled ELU."""
    return where(x > 0, 1.0507009873554805 * x, 1.7580993408473768 * expm1(x))


def df(y: Any) -> Any:
    """In terms of the output."""
    return where(y > 0, 1.0507009873554805, y + 1.7580993408473768)


def df_input(x: Any) -> Any:
    """In terms of the input: exact in the saturated tail, where y + scale * alpha cancels.

    The absolute value keeps what is not selected finite, as in ELU.
    """
    return where(x > 0, 1.0507009873554805, 1.7580993408473768 * exp(-abs(x)))


selu = elementwise(
    "selu",
    f,
    df,
    df_input=df_input,
    keeps="output",
    kinks=[0.0],
    title="SELU",
    summary="ELU scaled so that zero mean and unit variance reproduce themselves from layer to layer.",
    used_when="Deep fully connected networks without normalisation; wants weights of variance 1 / fan-in.",
    formula="1.0507 * (x if x > 0 else 1.6733 * (exp(x) - 1))",
    source="Klambauer, Unterthiner, Mayr & Hochreiter 2017, Self-normalizing neural networks",
    notes="The fixed point needs weights of gain 1 (torch's `calculate_gain` says 3/4, which breaks it).",
)
