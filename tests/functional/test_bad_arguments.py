"""Bad arguments and shapes get one clear line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from rectifiers import functional as F
from rectifiers import nn
from rectifiers.errors import ArgumentError, ArgumentTypeError, RectifiersError, ShapeError

X = torch.zeros(2, 6)
CASES: list[tuple[Callable[[], Any], type[RectifiersError], str]] = [
    (
        lambda: F.rrelu(X, 0.5, 0.1),
        ArgumentError,
        "`lower <= upper` must hold, but got lower=0.5, upper=0.1",
    ),
    (lambda: nn.RReLU(0.5, 0.1), ArgumentError, "`lower <= upper` must hold, but got lower=0.5, upper=0.1"),
    (lambda: F.rrelu(X, 0.1, float("inf")), ArgumentError, "`upper` must be finite, got inf"),
    (lambda: F.leaky_relu(X, "abc"), ArgumentTypeError, "`negative_slope` must be a number, got 'abc'"),
    (lambda: F.leaky_relu(X, float("nan")), ArgumentError, "`negative_slope` must be finite, got nan"),
    (lambda: nn.LeakyReLU(None), ArgumentTypeError, "`negative_slope` must be a number, got None"),
    (
        lambda: F.prelu(X.long(), torch.zeros(6)),
        ArgumentTypeError,
        "prelu needs a floating-point tensor, got torch.int64",
    ),
    (
        lambda: F.rrelu(X.int(), training=True),
        ArgumentTypeError,
        "rrelu needs a floating-point tensor, got torch.int32",
    ),
    (lambda: F.rrelu([1.0]), ArgumentTypeError, "rrelu needs a floating-point tensor, got list"),  # type: ignore[arg-type]
    (lambda: F.celu(X, 0), ArgumentError, "`alpha != 0` must hold, but got alpha=0"),
    (lambda: F.softplus(X, beta=0), ArgumentError, "`beta != 0` must hold, but got beta=0"),
    (lambda: F.gelu(X, "tan"), ArgumentError, "`approximate` must be 'none' or 'tanh', got 'tan'"),
    (
        lambda: F.relu(X, False, 3),
        ArgumentTypeError,
        "relu() takes inplace, got 1 more",
    ),
    (
        lambda: F.elu(X, 1.0, alpha=2.0),
        ArgumentTypeError,
        "elu() got `alpha` both by position and by name",
    ),
    (lambda: F.elu(X, slope=2.0), ArgumentTypeError, "elu() takes alpha, inplace, got unknown `slope`"),
    (lambda: F.prelu(X), ArgumentTypeError, "prelu() needs `weight`"),
    (
        lambda: F.prelu(X, torch.zeros(5)),
        ShapeError,
        "`weight` must have one element, or one per feature along dim=1, but got weight of shape (5,) and "
        "input of shape (2, 6) (6 features there)",
    ),
    (
        lambda: nn.PReLU(3)(torch.zeros(2, 4, 3)),
        ShapeError,
        "`weight` must have one element, or one per feature along dim=1, but got weight of shape (3,) and "
        "input of shape (2, 4, 3) (4 features there)",
    ),
    (
        lambda: F.prelu(torch.zeros(6), torch.zeros(6)),
        ShapeError,
        "`weight` must have one element, or one per feature along dim=1, but got weight of shape (6,) and "
        "input of shape (6,) (no such axis)",
    ),
    (lambda: F.prelu(X, torch.zeros(2, 3)), ShapeError, "got weight of shape (2, 3)"),
    (lambda: nn.PReLU(0), ArgumentError, "`num_parameters >= 1` must hold, but got num_parameters=0"),
    (lambda: nn.PReLU(init="x"), ArgumentTypeError, "`init` must be a number, got 'x'"),
    (
        lambda: F.maxout(torch.zeros(2, 7), 3),
        ShapeError,
        "the features along `dim` must divide into groups of `pieces`, but got 7 features along dim=1 and "
        "pieces=3",
    ),
    (lambda: F.maxout(X, 0), ArgumentError, "`pieces >= 1` must hold, but got pieces=0"),
    (lambda: nn.Maxout(0), ArgumentError, "`pieces >= 1` must hold, but got pieces=0"),
    (lambda: nn.Maxout(2.5), ArgumentTypeError, "`pieces` must be a whole number, got 2.5"),
    (
        lambda: nn.MaxoutLinear(3, 4, 0),
        ArgumentError,
        "`pieces >= 1` must hold, but got pieces=0",
    ),
    (
        lambda: F.maxout(X, grouping="rows"),
        ArgumentError,
        "`grouping` must be 'consecutive' or 'strided', got 'rows'",
    ),
    (
        lambda: F.maxout(X, 2, 2),
        ShapeError,
        "`dim` must be an axis of the input, got dim=2 for shape (2, 6)",
    ),
    (lambda: F.crelu(X, 2), ShapeError, "`dim` must be an axis of the input, got dim=2 for shape (2, 6)"),
    (
        lambda: F.crelu(torch.zeros(())),
        ShapeError,
        "`dim` must be an axis of the input, got dim=1 for shape ()",
    ),
    (lambda: nn.CReLU("features"), ArgumentTypeError, "`dim` must be a whole number, got 'features'"),
    (
        lambda: F.softmax(X),
        ArgumentError,
        "softmax needs the axis that sums to one: give `dim`, e.g. dim=-1",
    ),
    (lambda: nn.Softmax(), ArgumentError, "Softmax needs the axis that sums to one"),
    (
        lambda: nn.LeakyReLU.from_divisor(0),
        ArgumentError,
        "`divisor != 0` must hold, but got divisor=0",
    ),
]


@pytest.mark.parametrize("call, kind, message", CASES)
def test_message(call: Callable[[], Any], kind: type[RectifiersError], message: str) -> None:
    with pytest.raises(kind) as caught:
        call()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_standard_exceptions_catch_them_too() -> None:
    with pytest.raises(ValueError, match="pieces"):
        F.maxout(X, 0)
    with pytest.raises(TypeError, match="number"):
        F.elu(X, "x")
