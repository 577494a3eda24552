"""Squared ReLU: ReLU times itself."""

from __future__ import annotations

from typing import Any

from rectifiers.activations._definition import elementwise
from rectifiers.vocabulary import where


def f(x: Any) -> Any:
    """The square of the positive part."""
    return where(x < 0, 0.0, x * x)


def df(x: Any) -> Any:
    """Twice the positive part."""
    return where(x <= 0, 0.0, 2.0 * x)


squared_relu = elementwise(
    "squared_relu",
    f,
    df,
    keeps="input",
    title="SquaredReLU",
    summary="The square of the positive part of its input.",
    used_when="Transformers' feed-forward layers (Primer): sparse as relu; its values grow fast.",
    formula="max(0, x)^2",
    source="So, Manke, Liu, Dai, Shazeer & Le 2021, Primer: searching for efficient transformers",
)
