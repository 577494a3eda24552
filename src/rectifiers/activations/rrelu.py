"""RReLU: LeakyReLU with a random slope in training and the mean slope otherwise."""

from __future__ import annotations

from typing import Any

from rectifiers.activations._definition import elementwise
from rectifiers.activations._parameters import Uniform
from rectifiers.vocabulary import where


def f(x: Any, slope: Any) -> Any:
    """The input where positive, a random fraction of it elsewhere."""
    return where(x > 0, x, slope * x)


def df(positive: Any, slope: Any) -> Any:
    """The slope at the kink."""
    return where(positive, 1.0, slope)


rrelu = elementwise(
    "rrelu",
    f,
    df,
    keeps="sign",
    nan_is_positive=True,
    parameters={"slope": Uniform(1 / 8, 1 / 3)},
    kinks=[0.0],
    title="RReLU",
    summary="Its input where positive, a random fraction of it elsewhere (the mean one outside training).",
    used_when="Small data sets that overfit: random slopes in training, their mean afterwards.",
    formula="x if x > 0 else slope * x, slope ~ U(lower, upper)",
    source="Xu, Wang, Chen & Li 2015, Empirical evaluation of rectified activations in convolutional network",
    notes="""
    Slopes are drawn in logical element order, in float32 (float64 for float64): they depend on the generator,
    the shape and nothing else. As in torch there is one per element; `per="channel"` draws one per example
    and channel, `per="call"` one alone. lower <= upper, both finite; negative ones are allowed. Xu et al.
    write the slope as a divisor: `rectifiers.nn.RReLU.from_divisors(3, 8)`. A generator of your own is not
    restored by activation checkpointing, so that recomputed slopes differ, and ends the graph of
    torch.compile.
    """,
)
