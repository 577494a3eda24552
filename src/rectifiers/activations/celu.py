"""CELU: ELU made continuously differentiable for every alpha."""

from __future__ import annotations

from typing import Any

from rectifiers.activations._definition import elementwise
from rectifiers.activations._parameters import Real
from rectifiers.vocabulary import abs, exp, expm1, minimum, where


def f(x: Any, alpha: Any) -> Any:
    """The input where positive, alpha (e^(x / alpha) - 1) elsewhere."""
    # So close to 0 the function is x, and x / alpha may be a subnormal number that has lost digits.
    # 1 / alpha is the same for all elements, so that a kernel divides once.
    return where(x > -1e-17 * abs(alpha), x, alpha * expm1(x * (1.0 / alpha)))


def df(y: Any, alpha: Any) -> Any:
    """In terms of the output."""
    return where(y > 0, 1.0, y / alpha + 1.0)


def df_input(x: Any, alpha: Any) -> Any:
    """In terms of the input: exact in the saturated tail, where y / alpha + 1 cancels.

    What is not selected must not overflow: its second derivative would be NaN.
    """
    return where(x > 0, 1.0, exp(minimum(x, 0.0) * (1.0 / alpha)))


celu = elementwise(
    "celu",
    f,
    df,
    df_input=df_input,
    keeps="output",
    output_suffices=lambda alpha: alpha > 0,  # with alpha < 0 the slope grows without bound
    parameters={"alpha": Real(1.0, "Minus the value the function saturates at; not 0.", nonzero=True)},
    title="CELU",
    summary="ELU with x / alpha in the exponential, so that its slope is 1 on both sides of 0.",
    used_when="As elu, with a derivative without jump whatever alpha is.",
    formula="x if x > 0 else alpha * (exp(x / alpha) - 1)",
    source="Barron 2017, Continuously differentiable exponential linear units",
)
