"""Softsign: its input over one plus its size."""

from __future__ import annotations

from typing import Any

from rectifiers.activations._definition import elementwise
from rectifiers.vocabulary import abs, where


def f(x: Any) -> Any:
    """The input over one plus its size; its sign where it has long rounded to that, infinity included."""
    return where(abs(x) > 1e30, where(x > 0, 1.0, -1.0), x / (1.0 + abs(x)))


def df(x: Any) -> Any:
    """From the input; divided twice, so that no square overflows."""
    return 1.0 / (1.0 + abs(x)) / (1.0 + abs(x))


softsign = elementwise(
    "softsign",
    f,
    df,
    keeps="input",
    title="Softsign",
    summary="Its input over one plus its absolute value.",
    used_when="A tanh with slower tails: saturates like 1 / x, not exponentially.",
    formula="x / (1 + |x|)",
    source="Bergstra, Desjardins, Lamblin & Bengio 2009, Quadratic polynomials learn better image features",
    notes="Computed by torch, which gives NaN at infinity; the NumPy reference gives the limits.",
)
