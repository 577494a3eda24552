"""Hardsigmoid: the logistic function as a straight line between 0 and 1."""

from __future__ import annotations

from typing import Any

from rectifiers.activations._definition import elementwise
from rectifiers.vocabulary import where


def f(x: Any) -> Any:
    """The line (x + 3) / 6, clipped to [0, 1]."""
    return where(x < -3.0, 0.0, where(x > 3.0, 1.0, (x + 3.0) / 6.0))


def df(x: Any) -> Any:
    """0 at both kinks."""
    return where((x > -3.0) & (x < 3.0), 1.0 / 6.0, 0.0)


hardsigmoid = elementwise(
    "hardsigmoid",
    f,
    df,
    keeps="input",
    kinks=[-3.0, 3.0],
    title="Hardsigmoid",
    summary="The line (x + 3) / 6 clipped to [0, 1].",
    used_when="Gates in mobile networks, in place of sigmoid; not between hidden layers.",
    formula="min(max(0, x + 3), 6) / 6",
    source="Courbariaux, Bengio & David 2015, BinaryConnect, section 2.3; "
    "Howard et al. 2019, Searching for MobileNetV3, for this slope",
)
