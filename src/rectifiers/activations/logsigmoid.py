"""LogSigmoid: the logarithm of the logistic function."""

from __future__ import annotations

from typing import Any

from rectifiers.activations._definition import elementwise
from rectifiers.vocabulary import abs, exp, log1p, minimum, sigmoid


def f(x: Any) -> Any:
    """The logarithm of the logistic function, exact in both tails."""
    return minimum(x, 0.0) - log1p(exp(-abs(x)))


def df(x: Any) -> Any:
    """The logistic function of -x."""
    return sigmoid(-x)


logsigmoid = elementwise(
    "logsigmoid",
    f,
    df,
    keeps="input",
    title="LogSigmoid",
    summary="The logarithm of the logistic function: softplus, turned by 180 degrees.",
    used_when="Log-probabilities inside a loss; as a hidden activation everything it puts out is negative.",
    formula="-ln(1 + exp(-x))",
    source="Dugas et al. 2000, Incorporating second-order functional knowledge: softplus(-x), negated",
)
