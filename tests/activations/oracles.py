"""What each elementwise activation and its derivative are, in mpmath, written from the papers.

On purpose apart from the formulas of the package: nothing is imported from it. `df` holds at the kinks too.
`limits` are f(-inf), f(inf), df(-inf), df(inf), and `parameters` the values tried besides the defaults.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mpmath import diff, e, erfc, exp, expm1, inf, log1p, mp, mpf, pi, sqrt, tanh

mp.dps = 60
FAR = 1000  # beyond, the tails of the normal distribution are below 1e-200000 and mpmath fails


@dataclass(frozen=True)
class Oracle:
    f: Callable[..., Any]
    df: Callable[..., Any]
    limits: tuple[Any, Any, Any, Any]
    parameters: tuple[tuple[Any, ...], ...] = ()


def smooth(f: Callable[..., Any]) -> Callable[..., Any]:
    """The derivative of a function without kinks that ends as 0 and x, by differences at 60 digits."""

    def slope(x: Any, *parameters: Any) -> Any:
        if abs(x) > FAR:
            return mpf(x > 0)
        return diff(lambda t: f(t, *parameters), x, h=mpf(10) ** -25)

    return slope


def sides(negative: Callable[..., Any], positive: Callable[..., Any]) -> Callable[..., Any]:
    """0 belongs to the negative side."""
    return lambda x, *parameters: (positive if x > 0 else negative)(x, *parameters)


def sigmoid(x: Any) -> Any:
    return 1 / (1 + exp(-x))


def tangent(x: Any) -> Any:
    return (exp(x) - exp(-x)) / (exp(x) + exp(-x)) if abs(x) > mpf("0.1") else tanh(x)


def normal_cdf(x: Any) -> Any:
    if abs(x) > FAR:
        return mpf(x > 0)
    return erfc(-x / sqrt(2)) / 2


def normal_density(x: Any) -> Any:
    return exp(-x * x / 2) / sqrt(2 * pi) if abs(x) < FAR else mpf(0)


# Klambauer et al. 2017, section 2: the solution for zero mean and unit variance, in closed form.
SELU_ALPHA = -sqrt(2 / pi) / (erfc(1 / sqrt(2)) * exp(mpf(1) / 2) - 1)
SELU_SCALE = (
    (1 - erfc(1 / sqrt(2)) * sqrt(e))
    * sqrt(2 * pi)
    / sqrt(
        2 * erfc(sqrt(2)) * e**2
        + pi * erfc(1 / sqrt(2)) ** 2 * e
        - 2 * (2 + pi) * erfc(1 / sqrt(2)) * sqrt(e)
        + pi
        + 2
    )
)


def gelu(x: Any, approximate: str) -> Any:
    if approximate == "tanh":
        u = sqrt(2 / pi) * (x + mpf("0.044715") * x**3)
        if abs(x) > FAR:
            return x * mpf(x > 0)
        return x / (1 + exp(-2 * u))  # 1 + tanh(u) = 2 / (1 + e^-2u)
    return x * normal_cdf(x)


def gelu_slope(x: Any, approximate: str) -> Any:
    if approximate == "tanh":
        return smooth(gelu)(x, "tanh")
    return normal_cdf(x) + x * normal_density(x)


def softplus(x: Any, beta: Any, threshold: Any) -> Any:
    return x if beta * x > threshold else log1p(exp(beta * x)) / beta


def softplus_slope(x: Any, beta: Any, threshold: Any) -> Any:
    return 1 if beta * x > threshold else sigmoid(beta * x)


def mish(x: Any) -> Any:
    if abs(x) > FAR:
        return x * mpf(x > 0)
    return x * tangent(log1p(exp(x)))


ORACLES = {
    "sigmoid": Oracle(sigmoid, lambda x: exp(-abs(x)) / (1 + exp(-abs(x))) ** 2, (0, 1, 0, 0)),
    "tanh": Oracle(tangent, lambda x: 4 / (exp(x) + exp(-x)) ** 2, (-1, 1, 0, 0)),
    "relu": Oracle(lambda x: max(mpf(0), x), sides(lambda x: 0, lambda x: 1), (0, inf, 0, 1)),
    "leaky_relu": Oracle(
        sides(lambda x, a: a * x, lambda x, a: x),
        sides(lambda x, a: a, lambda x, a: 1),
        (-inf, inf, 0.01, 1),
        ((0.3,), (-0.5,), (2.0,)),
    ),
    "prelu": Oracle(
        sides(lambda x, a: a * x, lambda x, a: x),
        sides(lambda x, a: a, lambda x, a: 1),
        (-inf, inf, 0.25, 1),
        ((0.5,), (-0.5,)),
    ),
    "rrelu": Oracle(
        sides(lambda x, r: r * x, lambda x, r: x),
        sides(lambda x, r: r, lambda x, r: 1),
        (-inf, inf, 11 / 48, 1),
    ),
    "elu": Oracle(
        sides(lambda x, a: a * expm1(x), lambda x, a: x),
        sides(lambda x, a: a * exp(x), lambda x, a: 1),
        (-1, inf, 0, 1),
        ((0.5,), (-0.5,), (0.0,)),
    ),
    "selu": Oracle(
        sides(lambda x: SELU_SCALE * SELU_ALPHA * expm1(x), lambda x: SELU_SCALE * x),
        sides(lambda x: SELU_SCALE * SELU_ALPHA * exp(x), lambda x: SELU_SCALE),
        (-SELU_SCALE * SELU_ALPHA, inf, 0, SELU_SCALE),
    ),
    "celu": Oracle(
        sides(lambda x, a: a * expm1(x / a), lambda x, a: x),
        sides(lambda x, a: exp(x / a), lambda x, a: 1),
        (-1, inf, 0, 1),
        ((0.5,), (2.0,)),
    ),
    "relu6": Oracle(lambda x: min(max(mpf(0), x), mpf(6)), lambda x: int(0 < x < 6), (0, 6, 0, 0)),
    "softplus": Oracle(softplus, softplus_slope, (0, inf, 0, 1), ((2.0, 20.0), (1.0, 5.0))),
    "gelu": Oracle(gelu, gelu_slope, (0, inf, 0, 1), (("tanh",),)),
    "silu": Oracle(lambda x: x * sigmoid(x), lambda x: sigmoid(x) * (1 + x * sigmoid(-x)), (0, inf, 0, 1)),
    "mish": Oracle(mish, smooth(mish), (0, inf, 0, 1)),
    "hardswish": Oracle(
        lambda x: x * min(max(mpf(0), x + 3), 6) / 6 if abs(x) < FAR else x * mpf(x > 0),
        lambda x: (2 * x + 3) / 6 if -3 < x < 3 else mpf(x > 0),
        (0, inf, 0, 1),
    ),
    "hardtanh": Oracle(
        lambda x, low, high: min(max(low, x), high),
        lambda x, low, high: int(low < x < high),
        (-1, 1, 0, 0),
        ((-2.0, 1.0), (0.0, 6.0)),
    ),
    "hardsigmoid": Oracle(
        lambda x: min(max(mpf(0), x + 3), 6) / 6, lambda x: mpf(int(-3 < x < 3)) / 6, (0, 1, 0, 0)
    ),
    "softsign": Oracle(lambda x: x / (1 + abs(x)), lambda x: 1 / (1 + abs(x)) ** 2, (-1, 1, 0, 0)),
    "logsigmoid": Oracle(
        lambda x: min(x, 0) - log1p(exp(-abs(x))), lambda x: exp(-x) / (1 + exp(-x)), (-inf, 0, 1, 0)
    ),
    "squared_relu": Oracle(lambda x: max(mpf(0), x) ** 2, lambda x: 2 * max(mpf(0), x), (0, inf, 0, inf)),
}
