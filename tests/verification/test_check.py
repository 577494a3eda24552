"""`check`: the classic mistakes are caught with their cause, and what is right passes."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
import torch

import rectifiers
from rectifiers import check, nn, reference
from rectifiers.activations import Elementwise, registry
from rectifiers.errors import ArgumentError, ArgumentTypeError, UserCodeError

EPS = 0.01


def relu(x: Any) -> Any:
    return np.maximum(x, 0.0)


def leaky(x: Any) -> Any:
    return np.where(x > 0, x, EPS * x)


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def one_number(data: Any) -> Any:
    return 1 if np.all(data > EPS) else EPS


def threshold(x: Any) -> Any:
    g = 1.0 * (x > EPS)
    g[g == 0] = EPS
    return g


def naive_slope(x: Any) -> Any:
    return np.exp(-x) / (1 + np.exp(-x)) ** 2


def in_float32(name: str) -> Any:
    """Return an activation of torch that computes in float32 whatever it is given."""
    return lambda x: getattr(torch.nn.functional, name)(x.float())


def slope_of_hardswish(end: float, start: float = -3.0) -> Any:
    return lambda x: torch.where(x <= start, 0.0, torch.where(x < end, x / 3 + 0.5, 1.0))


def keeps_zero_d(x: Any) -> Any:
    return np.atleast_1d(np.where(x > 0, 1.0, 0.0))


@pytest.mark.parametrize(
    "f, df, of, cause",
    [
        (leaky, one_number, "input", "returns one number for the whole array"),
        (leaky, threshold, "input", "switches at 0.01 where the function switches at 0"),
        (
            lambda x: np.maximum(x - 30, 0),
            lambda x: x > 30.00003,
            "input",
            "switches at 30.00003 where the function switches at 30",  # in six digits both are 30
        ),
        (
            in_float32("hardswish"),
            slope_of_hardswish(2.99),
            "input",
            "switches at 2.99 where the function switches at 3",
        ),
        (
            in_float32(
                "hardswish"
            ),  # at rest there, where rounding hides slopes that are a millionth of others
            slope_of_hardswish(3.0, start=-3.01),
            "input",
            "switches at -3.01 where the function switches at -3",
        ),
        (sigmoid, lambda s: s * (1 - s), "input", "is given the input but computes from the output"),
        (sigmoid, reference.sigmoid.df, "output", "is given the output but computes from the input"),
        (relu, np.ones_like, "input", "returns 1 whatever it is given"),
        (sigmoid, naive_slope, "input", "overflows below -709.8 in float64: gives nan"),
        (
            leaky,
            lambda x: np.where(x == 0, -0.5, np.where(x > 0, 1.0, EPS)),
            "input",
            "is not the slope of the function at x = 0 (float64): expected 0.01 to 1, got -0.5",
        ),
        (relu, keeps_zero_d, "input", "shape lost for 0-d"),
        (relu, lambda x: x < 0, "input", "is not the slope of the function at x ="),
        (sigmoid, sigmoid, "input", "is not the slope of the function at x ="),
        (np.tanh, lambda x: -1 / np.cosh(np.clip(x, -300, 300)) ** 2, "input", "off by the factor -1"),
        (
            reference.selu.f,
            lambda x: reference.selu.df(x) / 1.0507009873554805,
            "input",
            "off by the factor 0.951",
        ),
        (relu, lambda x: (x > 0).astype(np.float16), "input", "returns float16 for float64"),
        (np.sin, lambda x: 1.0001 * np.cos(x), "input", "off by the factor 1.0001"),
        (np.log, lambda x: 2 / x, "input", "off by the factor 2"),
        (
            np.tanh,
            lambda x: (np.tanh(x + 1e-6) - np.tanh(x - 1e-6)) / 2e-6,
            "input",
            "is not the slope of the function at x =",
        ),
        (
            lambda x: 1e-9 * np.tanh(x),
            lambda x: 1e-9 * np.tanh(x),
            "input",
            "is not the slope of the function",
        ),
        (
            lambda x: np.tanh(np.float32(x)),
            lambda x: 0.9 * (1 - np.tanh(x) ** 2),
            "input",
            "off by the factor 0.9",
        ),
        (
            math.tanh,
            lambda x: 4 / (math.exp(x) + math.exp(-x)) ** 2,
            "input",
            "overflows below -354.9 in float64: gives nan",
        ),
    ],
)
def test_a_mistake_is_caught_and_named(f: Any, df: Any, of: Any, cause: str) -> None:
    result = check(f, df, of=of)
    assert not result.ok
    assert cause in result.cause
    assert result.failures
    assert "WRONG" in str(result)
    json.dumps(result.to_json(), allow_nan=False)


@pytest.mark.parametrize(
    "f, df, of",
    [
        (relu, lambda x: x > 0, "input"),
        (relu, lambda x: np.where(x > 0, 1, 0), "input"),
        (relu, lambda x: np.heaviside(x, 0.5), "input"),  # between the slopes beside the kink
        (leaky, lambda x: np.where(x > 0, 1.0, EPS), "input"),
        (np.tanh, lambda y: 1 - y**2, "output"),
        (lambda x: np.clip(x, 1.0, 6.0), lambda x: (x > 1) & (x < 6), "input"),
        (lambda x: max(0.0, x), lambda x: 1 if x > 0 else 0, "input"),
        (math.tanh, lambda x: 1 - math.tanh(x) ** 2, "input"),
        (torch.tanh, lambda x: 1 - torch.tanh(x) ** 2, "input"),
        (torch.nn.functional.relu, lambda x: x > 0, "input"),
        # differences over long steps leap over oscillations and kinks
        (lambda x: np.sin(10 * x), lambda x: 10 * np.cos(10 * x), "input"),
        # what is rounded in a half type, 100 x, leaves no digit of the cosine
        (lambda x: np.sin(100 * x), lambda x: 100 * np.cos(100 * x), "input"),
        # at rest on one side, from where steps leap over where it moves
        (lambda x: torch.sigmoid(200 * x), lambda y: 200 * y * (1 - y), "output"),
        (lambda x: torch.nn.functional.elu(130 * x), lambda x: 130 * (130 * x).clamp(max=0).exp(), "input"),
        (lambda x: x + np.sin(x) ** 2, lambda x: 1 + np.sin(2 * x), "input"),
        (lambda x: np.abs(x % 2 - 1), lambda x: np.where(x % 2 < 1, -1.0, 1.0), "input"),
        (lambda x: np.floor(4 * x) / 4, np.zeros_like, "input"),
        # what a dtype cannot hold is right where it overflows, is 0, or stands for a constant such as 0.3
        (np.exp, np.exp, "input"),
        (lambda x: x**3, lambda x: 3 * x**2, "input"),
        (lambda x: 1e-30 * np.tanh(x), lambda x: 1e-30 * (1 - np.tanh(x) ** 2), "input"),
        (lambda x: np.maximum(x - 0.3, 0.0), lambda x: x > 0.3, "input"),
        # not defined everywhere
        (np.log, lambda x: 1 / x, "input"),
        (math.log, lambda x: 1 / x, "input"),
        (np.sqrt, lambda x: 0.5 / np.sqrt(x), "input"),
        # whatever it is given, it computes in float32
        (lambda x: np.tanh(np.float32(x)), lambda x: 1 - np.tanh(np.float32(x)) ** 2, "input"),
        (lambda x: torch.relu(x.float()), lambda x: x.float() > 0, "input"),
        (in_float32("hardswish"), slope_of_hardswish(3.0), "input"),
        (
            in_float32("gelu"),
            lambda x: torch.special.ndtr(x) + x * (-x * x / 2).exp() / math.tau**0.5,
            "input",
        ),
        (in_float32("hardtanh"), lambda x: x.abs() < 1, "input"),
        (lambda x: (x.float() - 1 / 3).relu(), lambda x: x > 1 / 3, "input"),  # a place that is not round
    ],
)
def test_what_is_right_passes(f: Any, df: Any, of: Any) -> None:
    result = check(f, df, of=of)
    assert result.ok, str(result)
    assert result.cause == ""


@pytest.mark.parametrize("name", sorted(name for name, r in registry.items() if isinstance(r, Elementwise)))
def test_every_reference_passes(name: str) -> None:
    result = check(getattr(reference, name))
    assert result.ok, str(result)


# MultiheadAttention takes three tensors; the slope of Hardsigmoid is 1/6 in float32 even for float64
OWN = [n for n in torch.nn.modules.activation.__all__ if n not in ("MultiheadAttention", "Hardsigmoid")]
ARGUMENTS: dict[str, dict[str, Any]] = {
    "Threshold": {"threshold": 0.5, "value": 0.2},
    "Softmax": {"dim": 1},
    "LogSoftmax": {"dim": 1},
    "Softmin": {"dim": 1},
}


@pytest.mark.parametrize("name", OWN)
def test_every_activation_of_torch_passes(name: str) -> None:
    result = check(getattr(torch.nn, name)(**ARGUMENTS.get(name, {})))
    assert result.ok, str(result)


@pytest.mark.parametrize(
    "module", [nn.RReLU(), nn.CReLU(), nn.Maxout(2), nn.PReLU(4), nn.ELU(2.0, inplace=True)]
)
def test_our_modules_pass(module: Any) -> None:
    result = check(module)
    assert result.ok, str(result)


@pytest.mark.parametrize("f", [torch.sqrt, torch.abs, lambda x: x.abs() ** 1.5])
def test_second_derivatives_are_compared_where_they_are_known(f: Any) -> None:
    result = check(f)
    assert result.ok, str(result)
    assert {row.test: row.outcome for row in result.rows}["double backward"] == "right"


def test_what_was_computed_first_for_a_shape_is_no_derivative() -> None:
    known: dict[Any, Any] = {}
    result = check(np.tanh, lambda x: known.setdefault(np.shape(x), 1 - np.tanh(x) ** 2))
    assert "keeps state" in " ".join(failure.note for failure in result.failures)


def test_what_is_not_compared_is_told() -> None:
    rows = {row.test: row for row in check(np.log, lambda x: 1 / x).rows}
    assert rows["float64"].outcome == "note"
    assert "of them: elsewhere the slope is not known" in rows["float64"].note
    assert "not known" not in str(check(np.tanh, reference.tanh.df))


def test_kinks_are_found_and_not_told() -> None:
    assert check(torch.nn.Hardtanh(-1.5, 2.0)).kinks == (-1.5, 2.0)
    assert check(torch.nn.Hardshrink(0.5)).kinks == (-0.5, 0.5)
    assert check(torch.nn.GELU()).kinks == ()
    assert check(torch.nn.Softplus(beta=100.0)).kinks == ()
    (kink,) = check(lambda x: np.maximum(x - 1 / 3, 0), lambda x: x > 1 / 3).kinks
    assert kink == pytest.approx(1 / 3, abs=1e-7)


def function(backward: Any, save: bool = True) -> Any:
    class Mine(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
            if save:
                ctx.save_for_backward(x)
            ctx.x = x.detach()
            return x * x.sigmoid()

        @staticmethod
        def backward(ctx: Any, g: torch.Tensor) -> Any:
            return backward(g, ctx.saved_tensors[0] if save else ctx.x)

    return Mine


def slope(x: torch.Tensor) -> torch.Tensor:
    s = x.sigmoid()
    return s * (1 + x * (1 - s))


def test_an_autograd_function_that_is_right() -> None:
    result = check(function(lambda g, x: g * slope(x)))
    assert result.ok, str(result)
    assert {row.test: row.outcome for row in result.rows}["jvp"] == "note"


@pytest.mark.parametrize(
    "wrong, test",
    [
        (function(lambda g, x: slope(x)), "backward"),
        (function(lambda g, x: g.mul_(slope(x))), "backward"),
        (function(lambda g, x: g * slope(x) * 1.01), "float64"),
        (function(lambda g, x: g * slope(x), save=False), "double backward"),
    ],
)
def test_an_autograd_function_that_is_wrong(wrong: Any, test: str) -> None:
    result = check(wrong)
    assert result.failures[0].test == test, str(result)


def test_forward_mode_that_is_wrong() -> None:
    class Mine(function(lambda g, x: g * slope(x))):  # type: ignore[misc]
        @staticmethod
        def jvp(ctx: Any, t: torch.Tensor) -> torch.Tensor:
            return 1.001 * t * slope(ctx.x)

    assert check(Mine).failures[0].test == "jvp"


def test_a_module_that_is_wrong_in_half_precision() -> None:
    class Naive(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.exp().add(1).log().to(torch.float32).to(x.dtype)

    assert not check(Naive()).ok


def test_a_function_that_is_nan_is_wrong_itself() -> None:
    result = check(lambda x: (np.exp(x) - np.exp(-x)) / (np.exp(x) + np.exp(-x)), reference.tanh.df)
    assert "the function gives nan at" in " ".join(failure.note for failure in result.failures)


def test_the_failing_point_is_the_one_to_read() -> None:
    failure = check(leaky, threshold).failures[0]
    assert failure.x is not None
    assert 0 < failure.x <= EPS
    assert failure.expected == pytest.approx((1.0, 1.0))
    assert failure.got == EPS
    assert failure.ulp is not None
    assert failure.ulp > 1e12


@pytest.mark.parametrize(
    "call, kind, message",
    [
        (lambda: check(3), ArgumentTypeError, "but got 3"),
        (lambda: check(relu), ArgumentError, "where its derivative is not passed, too"),
        (lambda: check(relu, relu, of="x"), ArgumentError, "`of` is 'input' or 'output', but got 'x'"),
        (lambda: check(lambda x: 1 / 0, relu), UserCodeError, "raised ZeroDivisionError"),
        (lambda: check(lambda x: x - x.mean(), relu), ArgumentError, "each element alone"),
        (
            lambda: check(lambda x: x + np.random.default_rng().normal(size=x.shape), relu),
            ArgumentError,
            "alone",
        ),
        (lambda: check(lambda x: np.sin(1e7 * x), np.cos), ArgumentError, "it varies too fast"),
        (lambda: check(torch.nn.Bilinear), ArgumentError, "made without arguments"),
        (lambda: check(torch.nn.Conv2d(1, 1, 1)), ArgumentError, "must take one tensor and return one"),
    ],
)
def test_what_cannot_be_checked(call: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind) as caught:
        call()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_picture(tmp_path: Any) -> None:
    result = rectifiers.check(relu, lambda x: x > 0.1)
    assert result.plot(tmp_path / "relu.svg").read_text().startswith("<svg")
    with pytest.raises(ArgumentError, match=r"\.svg or \.png"):
        result.plot(tmp_path / "relu.pdf")


def test_arrays_of_jax() -> None:
    pytest.importorskip("jax")
    import jax.numpy as jnp

    assert check(lambda x: jnp.maximum(jnp.asarray(x), 0.0), lambda x: jnp.asarray(x) > 0).ok
    wrong = check(lambda x: jnp.tanh(x), lambda x: 1 - jnp.tanh(x))
    assert not wrong.ok
