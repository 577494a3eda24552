"""Hardtanh: its input clipped to an interval."""

from __future__ import annotations

from typing import Any

from rectifiers.activations._definition import elementwise
from rectifiers.activations._parameters import Real
from rectifiers.vocabulary import where


def f(x: Any, min_val: Any, max_val: Any) -> Any:
    """The input clipped to [min_val, max_val]."""
    return where(x < min_val, min_val, where(x > max_val, max_val, x))


def df(x: Any, min_val: Any, max_val: Any) -> Any:
    """0 at both kinks."""
    return where((x > min_val) & (x < max_val), 1.0, 0.0)


hardtanh = elementwise(
    "hardtanh",
    f,
    df,
    keeps="input",
    parameters={
        "min_val": Real(-1.0, "The least output, below `max_val`."),
        "max_val": Real(1.0, "The largest output."),
    },
    kinks=lambda min_val, max_val: [min_val, max_val],
    title="Hardtanh",
    summary="Its input clipped to [min_val, max_val].",
    used_when="A tanh without an exponential: bounded outputs in low precision; dead outside the interval.",
    formula="min(max(min_val, x), max_val)",
    source="Collobert 2004, Large scale machine learning, section 5.4",
)
