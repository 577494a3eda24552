"""PReLU: LeakyReLU with a learned slope."""

from __future__ import annotations

from typing import Any

from rectifiers.activations._definition import elementwise
from rectifiers.activations._parameters import Learned
from rectifiers.vocabulary import where


def f(x: Any, weight: Any) -> Any:
    """The input where positive, a learned fraction of it elsewhere."""
    return where(x > 0, x, weight * x)


def df(x: Any, weight: Any) -> Any:
    """The slope at the kink; from the input, because a slope near 0 cannot be divided out of the output."""
    return where(x > 0, 1.0, weight)


def df_weight(x: Any, weight: Any) -> Any:
    """Derivative with respect to the slope."""
    return where(x > 0, 0.0, x)


prelu = elementwise(
    "prelu",
    f,
    df,
    keeps="input",
    parameters={
        "weight": Learned(
            0.25,
            df_weight,
            "Slope where the input is not positive; one, or one per feature.",
        )
    },
    kinks=[0.0],
    title="PReLU",
    summary="Its input where positive, a learned fraction of it elsewhere; one slope, or one per channel.",
    used_when="Much data: one learned slope per channel; keep weight decay off the slopes.",
    formula="x if x > 0 else weight * x",
    source="He, Zhang, Ren & Sun 2015, Delving deep into rectifiers",
    notes="""
    The gradient at 0 is the slope, in backward, forward mode and double backward. A slope of any sign trains
    correctly. Its authors train it without weight decay: `rectifiers.nn.parameter_groups`. Features on the
    last axis, as in (N, L, C), need dim=-1.
    """,
)
