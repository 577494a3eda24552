"""Hardswish: SiLU with the logistic function replaced by a straight line."""

from __future__ import annotations

from typing import Any

from rectifiers.activations._definition import elementwise
from rectifiers.vocabulary import where


def f(x: Any) -> Any:
    """The input times (x + 3) / 6 clipped to [0, 1]; -0 on the left, as torch has it."""
    return where(x < -3.0, -0.0, where(x > 3.0, x, x * (x + 3.0) / 6.0))


def df(x: Any) -> Any:
    """0 at -3 and 1 at 3: those of the straight sides."""
    return where(x <= -3.0, 0.0, where(x >= 3.0, 1.0, x / 3.0 + 0.5))


hardswish = elementwise(
    "hardswish",
    f,
    df,
    keeps="input",
    kinks=[-3.0, 3.0],
    title="Hardswish",
    summary="Its input times (x + 3) / 6 clipped to [0, 1].",
    used_when="Mobile networks (MobileNetV3): silu's shape without an exponential.",
    formula="x min(max(0, x + 3), 6) / 6",
    source="Howard et al. 2019, Searching for MobileNetV3, section 5.2",
)
