"""The smooth activations that have no figure of their own, by the kernels of the processor, in float32.

They are computed in float64, to 30 bits: next to nothing is lost before the one rounding.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from rectifiers.activations import Elementwise, Learned, elementwise, registry
from rectifiers.backends.cpu import kernels
from rectifiers.vocabulary import exp, log1p, sigmoid

CASES: list[tuple[str, tuple[Any, ...]]] = [("silu", ()), ("tanh", ()), ("sigmoid", ())]
# These take a logarithm or an error function, which kernels lack, or are torch's alone.
TORCHS = {"softplus", "gelu", "mish", "hardsigmoid", "hardswish", "hardtanh", "logsigmoid", "softsign"}
LOST = 2.0**-29  # where terms cancel, of the terms
TURNS = {"silu": -1.278}  # where the slope is 0


def points() -> Tensor:
    """Numbers of every size and sign, and where the functions bend and have their tails."""
    random = np.random.default_rng(0)
    bits = np.arange(0, 2**32, 65521, dtype=np.int64).astype(np.uint32).view(np.float32)
    near = np.concatenate(
        [random.normal(0, scale, 20000).astype(np.float32) for scale in (1e-3, 0.3, 1, 3, 10, 40)]
    )
    edges = np.array([0.0, -0.0, 1e-45, -1e-45, 1.1754944e-38, -1.1754944e-38], dtype=np.float32)
    return torch.from_numpy(np.concatenate([bits[np.isfinite(bits)], near, edges]))


def units(exact: Tensor) -> Tensor:
    """The distance of neighbouring float32 around an exact value; subnormal numbers have one, too."""
    _, exponent = exact.abs().clamp(min=torch.finfo(torch.float32).tiny).frexp()
    return torch.exp2(exponent.double() - 24)


def seen(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """The parameters as the computation sees them."""
    return tuple(v if isinstance(v, str) else float(np.float32(v)) for v in values)


def assert_close(found: Tensor, exact: Tensor, slack: float | Tensor = 0.0) -> None:
    beyond = exact.abs() >= 2.0**128 * (1 - 2.0**-25)
    assert torch.equal(found[beyond].double(), exact[beyond].sign() * math.inf)
    errors = (found.double() - exact).abs() - slack
    off = (errors / units(exact))[~beyond]
    assert off.max() <= 0.51  # False for NaN


@pytest.mark.parametrize("name, values", CASES)
def test_values_are_the_reference_rounded_once(name: str, values: tuple[Any, ...]) -> None:
    x = points()
    y = torch.full_like(x, math.nan)
    kernels.value(registry[name], values, (1, 1, x.numel()), x, y, False)
    exact = torch.from_numpy(np.asarray(registry[name].f(x.double().numpy(), *seen(values))))
    assert_close(y, exact)
    zero = exact == 0
    assert torch.equal(y[zero].signbit(), exact[zero].signbit())


@pytest.mark.parametrize("name, values", CASES)
def test_slopes_are_the_reference_rounded_once(name: str, values: tuple[Any, ...]) -> None:
    """But for a 2^29th of the slope's terms, where they cancel."""
    x, record = points(), registry[name]
    g = torch.ones_like(x)
    gx = torch.full_like(x, math.nan)
    kernels.slope(record, values, (1, 1, x.numel()), "input", x, g, gx)
    exact = torch.from_numpy(np.asarray(record.df(x.double().numpy(), *seen(values))))
    turn = TURNS.get(name)
    assert_close(gx, exact, 0.0 if turn is None else torch.where((x - turn).abs() < 1, LOST, 0.0))


def _falling(x: Any) -> Any:
    return 1.0 / (exp(x) + 1.0)


def _falling_slope(x: Any) -> Any:
    return -sigmoid(x) * sigmoid(-x)


def _logistic(x: Any) -> Any:
    return sigmoid(x)


def test_what_overflows_on_the_way_does_so_as_in_the_reference() -> None:
    """To infinity, not to what a large number happens to lead to."""
    record = elementwise("falling", _falling, _falling_slope, keeps="input", kinks=[])
    x = torch.tensor([1.0, 80.0, 600.0, 800.0, 3e38, math.inf, -800.0, -math.inf])
    y = torch.empty_like(x)
    kernels.value(record, (), (1, 1, x.numel()), x, y, False)
    with np.errstate(over="ignore"):
        exact = torch.from_numpy(np.asarray(record.f(x.double().numpy()))).float()
    assert torch.equal(y, exact)


def _logarithmic(x: Any) -> Any:
    return log1p(exp(x))


def test_a_formula_that_needs_what_kernels_lack_is_refused_with_its_name() -> None:
    record = elementwise("logarithmic", _logarithmic, _logistic, keeps="input", kinks=[])
    assert "log1p" in kernels.refuses(record, torch.float32)


@pytest.mark.parametrize("name, values", CASES)
def test_limits_are_those_of_the_reference(name: str, values: tuple[Any, ...]) -> None:
    x = torch.tensor([math.inf, -math.inf, math.nan, 3e38, -3e38] * 3)
    record, y, gx = registry[name], torch.empty_like(x), torch.empty_like(x)
    kernels.value(record, values, (1, 1, x.numel()), x, y, False)
    kernels.slope(record, values, (1, 1, x.numel()), "input", x, torch.ones_like(x), gx)
    for found, formula in ((y, record.f), (gx, record.df)):
        with np.errstate(all="ignore"):
            exact = torch.from_numpy(np.asarray(formula(x.double().numpy(), *seen(values)))).float()
        assert torch.equal(found.isnan(), exact.isnan())
        number = ~exact.isnan()
        assert torch.equal(found[number], exact[number])
        assert torch.equal(found[number].signbit(), exact[number].signbit())


def test_the_cases_are_all_that_have_no_figure_of_their_own() -> None:
    """A new smooth one is to be put among them."""
    others = {"elu", "selu", "celu", "relu", "leaky_relu", "prelu", "rrelu", "relu6", "squared_relu"}
    named = {name for name, record in registry.items() if isinstance(record, Elementwise)}
    assert {name for name, _ in CASES} == named - others - TORCHS


def shifted(x: Any, weight: Any) -> Any:
    """Moved by an exponential."""
    return x + exp(weight)


def shifted_slope(x: Any, weight: Any) -> Any:
    """Its derivative."""
    return 1.0


def shifted_by_weight(x: Any, weight: Any) -> Any:
    """Its derivative by the weight, the only one with an exponential."""
    return exp(weight)


def test_a_derivative_by_a_parameter_alone_may_need_an_exponential() -> None:
    parameters = {"weight": Learned(0.5, shifted_by_weight)}
    record = elementwise("shifted", shifted, shifted_slope, keeps="input", parameters=parameters, kinks=[])
    x, weight = points(), torch.tensor([0.5])
    (by_weight,) = kernels.slope(
        record, (weight,), (1, 1, x.numel()), "input", x, torch.ones_like(x), torch.empty_like(x)
    )
    assert by_weight.item() == pytest.approx(x.numel() * math.exp(0.5), rel=1e-7)
