"""LeakyReLU: a small slope where ReLU has none."""

from __future__ import annotations

from typing import Any

from rectifiers.activations._definition import elementwise
from rectifiers.activations._parameters import Real
from rectifiers.vocabulary import where


def f(x: Any, negative_slope: Any) -> Any:
    """The input where positive, a fraction of it elsewhere."""
    return where(x > 0, x, negative_slope * x)


def df(positive: Any, negative_slope: Any) -> Any:
    """The slope at the kink."""
    return where(positive, 1.0, negative_slope)


leaky_relu = elementwise(
    "leaky_relu",
    f,
    df,
    keeps="sign",
    parameters={"negative_slope": Real(0.01, "Slope where the input is not positive; any sign.")},
    kinks=[0.0],
    title="LeakyReLU",
    summary="Its input where positive, a fixed fraction of it elsewhere.",
    used_when="As relu, but no unit stops learning: a small fixed slope where negative, as cheap.",
    formula="x if x > 0 else negative_slope * x",
    source="Maas, Hannun & Ng 2013, Rectifier nonlinearities improve neural network acoustic models",
    notes="""
    Xu et al. 2015 write the slope as a divisor: their 5.5 is `rectifiers.nn.LeakyReLU.from_divisor(5.5)`,
    a slope of 0.1818.
    """,
)
