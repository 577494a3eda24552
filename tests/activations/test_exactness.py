"""Every elementwise activation and its derivative against mpmath, at the points that hurt.

The rows are derived from the registry: a new activation is tested as soon as it has an oracle, and a
test fails until it has one.
"""

from __future__ import annotations

import functools
import math
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from mpmath import floor, log, mpf

from rectifiers import functional
from rectifiers.activations import Elementwise, Learned, Uniform, registry

ELEMENTWISE = [name for name, record in registry.items() if isinstance(record, Elementwise)]
DTYPES = (torch.float64, torch.float32, torch.float16, torch.bfloat16)

# Where torch's own operations lose relative precision, and what their absolute error is bounded by, as
# multiples of (machine epsilon, smallest normal number). activations.md lists them as known.
_GELU = 11 if torch.backends.cpu.get_cpu_capability() == "AVX512" else 4  # oneDNN's there: 10.3, torch's: 3.9
LOST_VALUE = {
    "sigmoid": (0, 1),  # below -87
    "gelu": (_GELU, 0),  # 1 + erf, below -1
    "silu": (0, 100),  # below -87
    "mish": (0, 100),
}
LOST_SLOPE = {
    "sigmoid": (1, 0),  # y (1 - y) from the rounded output
    "tanh": (2, 0),  # 1 - y^2 from the rounded output
    "gelu": (4, 0),
    "silu": (16, 100),
    "mish": (16, 100),
    "softsign": (2, 0),  # 1 / (1 + |x|) - |x| / (1 + |x|)^2
}

# torch's own, straight: NaN at -infinity, and NaN derivatives where an intermediate result overflows.
TORCHS_OWN_TAILS = {"gelu", "silu", "mish", "hardswish", "softsign"}


def edge_points(dtype: torch.dtype) -> torch.Tensor:
    """Both zeros, subnormals, kinks and their neighbours, the field's range, both tails."""
    info = torch.finfo(dtype)
    plain = [0.0, info.tiny, info.tiny / 4, info.eps, 1e-3, 0.01, 0.1, 0.3, 0.5, 0.9, 1, 1.5, 2, 3, 4, 5]
    plain += [6, 6 + 4 * info.eps, 6 - 4 * info.eps, 7, 9.7, 10, 15, 20, 20.1, 30, 37, 45, 50, 51, 80]
    plain += [88, 90, 100, 104, 300, 700, 745, 999, 1e4, 6e4, 1e13, 1e30, info.max]
    positive = torch.tensor([value for value in plain if value <= info.max], dtype=dtype)
    return torch.cat((positive, -positive))


def parameter_sets(name: str, oracles: ModuleType) -> tuple[tuple[Any, ...], ...]:
    return (registry[name].defaults, *oracles.ORACLES[name].parameters)


def spacing(value: Any, dtype: torch.dtype) -> Any:
    """The distance of neighbouring numbers of `dtype` around `value`."""
    info = torch.finfo(dtype)
    exponent = floor(log(max(abs(value), mpf(info.tiny)), 2))
    return mpf(2) ** exponent * mpf(info.eps)


@functools.cache
def truth(oracle: Any, parameters: tuple[Any, ...], x: float) -> tuple[Any, Any]:
    values = [value if isinstance(value, str) else mpf(value) for value in parameters]
    return mpf(oracle.f(mpf(x), *values)), mpf(oracle.df(mpf(x), *values))


def check(
    got: np.ndarray, want: list[Any], x: np.ndarray, allowed: list[float], dtype: torch.dtype, lost: Any
) -> None:
    info = torch.finfo(dtype)
    for value, exact, ulps, at in zip(got.tolist(), want, allowed, x.tolist(), strict=True):
        if abs(exact) >= mpf(info.max) * (1 + mpf(info.eps) / 4):
            assert value == math.copysign(math.inf, exact), at
            continue
        bound = max(ulps * spacing(exact, dtype), lost[0] * mpf(info.eps) + lost[1] * mpf(info.tiny))
        assert math.isfinite(value), f"{value} at x={at!r}"
        error = abs(mpf(value) - exact)
        ulp = float(error / spacing(exact, dtype))
        assert error <= bound, f"{value!r}, not {float(exact)!r}, at x={at!r}: {ulp:.3g} ulp"


def sensitivity(x: np.ndarray, f: list[Any], df: list[Any]) -> list[float]:
    """The condition number |x f' / f|: what half an ulp in the argument of an exponential costs."""
    return [float(abs(mpf(a) * s / v)) if v else 0.0 for a, v, s in zip(x.tolist(), f, df, strict=True)]


def test_every_elementwise_activation_has_an_oracle(oracles: ModuleType) -> None:
    assert set(oracles.ORACLES) == set(ELEMENTWISE), (
        "write the missing oracle in tests/activations/oracles.py"
    )


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_reference_is_exact(name: str, oracles: ModuleType) -> None:
    record, oracle = registry[name], oracles.ORACLES[name]
    x = edge_points(torch.float64).numpy()
    for values in parameter_sets(name, oracles):
        pairs = [truth(oracle, values, at) for at in x.tolist()]
        f, df = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        steep = sensitivity(x, f, df)
        check(record.f(x, *values), f, x, [2 + s for s in steep], torch.float64, (0, 0))
        check(record.df(x, *values), df, x, [8 + 1.5 * s for s in steep], torch.float64, (0, 0))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_function_of_tensors_is_exact(name: str, dtype: torch.dtype, oracles: ModuleType) -> None:
    oracle = oracles.ORACLES[name]
    x = edge_points(dtype)
    if name in TORCHS_OWN_TAILS:
        x = x[x.abs() < 80]
    for values in parameter_sets(name, oracles):
        # the parameters as the computation sees them: rounded to its type
        wide = torch.float64 if dtype == torch.float64 else torch.float32
        wide = dtype if name == "prelu" else wide
        rounded = tuple(v if isinstance(v, str) else torch.tensor(v, dtype=wide).item() for v in values)
        pairs = [truth(oracle, rounded, at) for at in x.double().tolist()]
        f, df = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        input = x.clone().requires_grad_()
        output = apply(name, input, values)
        (grad,) = torch.autograd.grad(output, input, torch.ones_like(output))
        assert output.dtype == grad.dtype == dtype
        steep = sensitivity(x.double().numpy(), f, df)
        value_bound = [2 + 0.5 * s for s in steep]
        slope_bound = [10 + 1.5 * s for s in steep]
        if dtype in (torch.float16, torch.bfloat16):  # computed in float32 and rounded once
            value_bound = slope_bound = [1.0 if dtype == torch.bfloat16 else 1.2] * len(f)
        at = x.double().numpy()
        check(output.detach().double().numpy(), f, at, value_bound, dtype, LOST_VALUE.get(name, (0, 0)))
        check(grad.double().numpy(), df, at, slope_bound, dtype, LOST_SLOPE.get(name, (0, 0)))


def apply(name: str, input: torch.Tensor, values: tuple[Any, ...]) -> torch.Tensor:
    """Call the function of tensors with the values of the formula's parameters."""
    parameters = registry[name].parameters
    if any(isinstance(parameter, Uniform) for parameter in parameters.values()):
        assert values == registry[name].defaults
        values = ()
    if any(isinstance(parameter, Learned) for parameter in parameters.values()):
        values = tuple(torch.tensor(value, dtype=input.dtype) for value in values)
    return getattr(functional, name)(input, *values)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_infinity_gives_the_limit_and_nan_gives_nan(
    name: str, dtype: torch.dtype, oracles: ModuleType
) -> None:
    record = registry[name]
    low, high, slope_low, slope_high = (float(limit) for limit in oracles.ORACLES[name].limits)
    x = [-math.inf, math.inf, math.nan]
    np.testing.assert_allclose(record.f(x), [low, high, math.nan], rtol=1e-15)
    np.testing.assert_allclose(record.df(x)[:2], [slope_low, slope_high], rtol=1e-15)
    if name in TORCHS_OWN_TAILS:
        theirs = getattr(torch.nn.functional, name)(torch.tensor(x, dtype=dtype))
        assert torch.equal(apply(name, torch.tensor(x, dtype=dtype), record.defaults).isnan(), theirs.isnan())
        return
    input = torch.tensor(x, dtype=dtype, requires_grad=True)
    output = apply(name, input, record.defaults)
    (grad,) = torch.autograd.grad(output, input, torch.ones_like(output))
    close = {"rtol": torch.finfo(dtype).eps, "atol": 0, "equal_nan": True}
    torch.testing.assert_close(output.detach(), torch.tensor([low, high, math.nan], dtype=dtype), **close)
    torch.testing.assert_close(grad[:2], torch.tensor([slope_low, slope_high], dtype=dtype), **close)


@pytest.mark.parametrize("name", [name for name in ELEMENTWISE if hasattr(torch.nn, registry[name].title)])
def test_minus_zero_keeps_its_sign_where_torch_keeps_it(name: str) -> None:
    x = torch.tensor([-0.0, 0.0] * 20)
    theirs = getattr(torch.nn, registry[name].title)().eval()(x)
    assert torch.equal(apply(name, x, registry[name].defaults).signbit(), theirs.signbit())
    if name != "gelu":  # torch's depends on whether the element was in a full vector
        assert np.signbit(registry[name].f([-0.0, 0.0])).tolist() == theirs[:2].signbit().tolist()


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_the_second_derivative_is_finite(name: str) -> None:
    x = edge_points(torch.float32)
    x = x[x.abs() < 80] if name in TORCHS_OWN_TAILS else x
    x.requires_grad_()
    output = apply(name, x, registry[name].defaults)
    (grad,) = torch.autograd.grad(output, x, torch.ones_like(output), create_graph=True)
    if grad.requires_grad:
        (second,) = torch.autograd.grad(grad, x, torch.ones_like(grad), allow_unused=True)
        assert second is None or torch.isfinite(second).all()
