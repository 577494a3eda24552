"""ELU: an exponential that saturates at -alpha where the input is negative."""

from __future__ import annotations

from typing import Any

from rectifiers.activations._definition import elementwise
from rectifiers.activations._parameters import Real
from rectifiers.vocabulary import abs, exp, expm1, where


def f(x: Any, alpha: Any) -> Any:
    """The input where positive, alpha (e^x - 1) elsewhere."""
    return where(x > 0, x, alpha * expm1(x))


def df(y: Any, alpha: Any) -> Any:
    """In terms of the output; alpha at the kink."""
    return where(y > 0, 1.0, y + alpha)


def df_input(x: Any, alpha: Any) -> Any:
    """In terms of the input: exact in the saturated tail, where y + alpha cancels.

    The input is not positive where it matters; where it is, an overflow would make the second derivative NaN.
    """
    return where(x > 0, 1.0, alpha * exp(-abs(x)))


elu = elementwise(
    "elu",
    f,
    df,
    df_input=df_input,
    keeps="output",
    output_suffices=lambda alpha: alpha >= 0,  # with alpha < 0 both sides have positive outputs
    parameters={"alpha": Real(1.0, "Minus the value the function saturates at; any sign.")},
    kinks=[0.0],
    title="ELU",
    summary="Its input where positive, an exponential that saturates at -alpha elsewhere.",
    used_when="Networks without normalisation: outputs average closer to 0 than relu's.",
    formula="x if x > 0 else alpha * (exp(x) - 1)",
    source="Clevert, Unterthiner & Hochreiter 2015, Fast and accurate deep network learning by exponential "
    "linear units, eq. 15",
)
