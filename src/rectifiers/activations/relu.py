"""ReLU: the positive part."""

from __future__ import annotations

from typing import Any

from rectifiers.activations._definition import elementwise
from rectifiers.vocabulary import where


def f(x: Any) -> Any:
    """The positive part of the input."""
    return where(x < 0, 0.0, x)


def df(positive: Any) -> Any:
    """0 at the kink, as in every library."""
    return where(positive, 1.0, 0.0)


relu = elementwise(
    "relu",
    f,
    df,
    keeps="sign",
    nan_is_positive=True,
    kinks=[0.0],
    title="ReLU",
    summary="The positive part of its input.",
    used_when="The default: cheapest, sparse; a unit whose input stays negative stops learning.",
    formula="max(0, x)",
    source="Nair & Hinton 2010, Rectified linear units improve restricted Boltzmann machines; "
    "Glorot, Bordes & Bengio 2011, Deep sparse rectifier neural networks",
    notes="The derivative at 0 is 0.",
)
