"""Piecewise linear activations by the kernels of the processor: bit for bit what the reference rounds to."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from rectifiers import elementwise
from rectifiers.activations import Learned, Real, registry
from rectifiers.backends import using
from rectifiers.backends._kernels import Draw
from rectifiers.backends.cpu import kernels
from rectifiers.vocabulary import exp, expm1, maximum, minimum, where

DTYPES = (torch.float32, torch.float16, torch.bfloat16)
HALF = (torch.float16, torch.bfloat16)
INTEGERS = {
    torch.float32: torch.int32,
    torch.float16: torch.int16,
    torch.bfloat16: torch.int16,
}
CASES: list[tuple[str, tuple[float, ...]]] = [
    ("relu", ()),
    ("leaky_relu", (0.01,)),
    ("leaky_relu", (-0.3,)),
    ("leaky_relu", (0.0,)),
    ("prelu", (0.25,)),
    ("prelu", (-1.7,)),
    ("rrelu", (11 / 48,)),
    ("relu6", ()),
    ("squared_relu", ()),
]
PIECES = (1, 2, 3, 4, 5, 16, 17)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def wide(dtype: torch.dtype) -> torch.dtype:
    return torch.float32 if dtype in HALF else dtype


def patterns(dtype: torch.dtype) -> Tensor:
    """Every number of a half type; of the others random bits, which are of every size and sign."""
    if dtype in HALF:
        return torch.arange(-(2**15), 2**15, dtype=torch.int16).view(dtype)
    info = torch.iinfo(INTEGERS[dtype])
    bits = torch.randint(info.min, info.max, (20000,), dtype=INTEGERS[dtype], generator=seeded(0))
    edges = torch.tensor([0.0, -0.0, 6.0, -6.0, np.inf, -np.inf, np.nan], dtype=dtype)
    return torch.cat((bits.view(dtype), edges, torch.randn(1000, dtype=dtype, generator=seeded(1)) * 8))


def gradients(dtype: torch.dtype, size: int) -> Tensor:
    return (torch.randn(size, dtype=torch.float64, generator=seeded(2)) * 3).to(dtype)


def same(found: Tensor, expected: Tensor) -> None:
    """Bit for bit; NaN is NaN."""
    torch.testing.assert_close(found, expected, rtol=0, atol=0, equal_nan=True)
    number = ~expected.isnan()
    assert torch.equal(found.signbit()[number], expected.signbit()[number])


def rounded(exact: Any, dtype: torch.dtype) -> Tensor:
    """What the reference computed, rounded to the type of computation and once more to a half type."""
    return torch.as_tensor(exact).to(wide(dtype)).to(dtype)


def arguments(
    name: str, values: tuple[float, ...], dtype: torch.dtype
) -> tuple[tuple[Any, ...], list[float]]:
    """What the kernels get, and the parameters as they compute with them."""
    given, seen = [], []
    for parameter, value in zip(registry[name].parameters.values(), values, strict=True):
        learned = isinstance(parameter, Learned)
        one = torch.tensor([value], dtype=dtype if learned else wide(dtype))
        given.append(one if learned else value)
        seen.append(one.item())
    return tuple(given), seen


def value(name: str, values: tuple[Any, ...], x: Tensor, keep: bool = False) -> tuple[Tensor, Tensor | None]:
    y = torch.full_like(x, np.nan)
    return y, kernels.value(registry[name], values, (1, 1, x.numel()), x, y, keep)


def slope(name: str, values: tuple[Any, ...], keeps: Any, kept: Tensor, g: Tensor) -> Tensor:
    gx = torch.full_like(g, np.nan)
    kernels.slope(registry[name], values, (1, 1, g.numel()), keeps, kept, g, gx)
    return gx


def blocked(name: str, x: Tensor) -> Tensor:
    """Where the derivative is 0 because the function is constant, so that no gradient gets through."""
    if name == "relu6":
        return ~((x > 0) & (x < 6))
    return x <= 0 if name in ("relu", "squared_relu") else torch.zeros_like(x, dtype=torch.bool)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name, values", CASES)
def test_value_and_gradient_are_the_reference_rounded(
    name: str, values: tuple[float, ...], dtype: torch.dtype
) -> None:
    record, x = registry[name], patterns(dtype)
    g = gradients(dtype, x.numel())
    given, seen = arguments(name, values, dtype)
    keeps = record.keeps_at(*values)
    y, signs = value(name, given, x, keep=keeps == "sign")
    same(y, rounded(record.f(x.double().numpy(), *seen), dtype))
    df = torch.as_tensor(record.df(x.double().numpy(), *seen)).to(wide(dtype)).double()
    expected = torch.where(blocked(name, x), 0.0, g.double() * df)
    kept = {"sign": signs, "output": y, "input": x}[keeps]
    same(slope(name, given, keeps, kept, g), rounded(expected, dtype))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_a_drawn_slope_is_rounded_as_a_fixed_one(dtype: torch.dtype) -> None:
    x = patterns(dtype)
    g = gradients(dtype, x.numel())
    draw = Draw(0.3, 0.3, torch.tensor(5))
    for found, expected in zip(
        value("rrelu", (draw,), x, True), value("rrelu", (0.3,), x, True), strict=True
    ):
        same(found, expected)
    _, signs = value("rrelu", (draw,), x, True)
    same(slope("rrelu", (draw,), "sign", signs, g), slope("rrelu", (0.3,), "sign", signs, g))


def test_a_division_is_rounded_as_it_is_written() -> None:
    """x / a is 1 where x is a, and x * (1 / a) less than 1 for 49: a formula may bend there."""
    made = elementwise(
        "bent",
        lambda x, a: where(x / a >= 1.0, 2.0 * x - a, a * expm1(minimum(x, 0.0) / a) + maximum(x, 0.0)),
        lambda x, a: where(x / a >= 1.0, 2.0, exp(minimum(x, 0.0) / a)),
        parameters={"a": Real(49.0)},
        kinks=lambda a: (a,),
    )
    x = torch.tensor([48.0, 49.0, 50.0], requires_grad=True)
    with using("llvm"):
        made.functional(x).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [1.0, 2.0, 2.0]


def test_the_cases_are_all_that_is_piecewise_linear() -> None:
    """A new one with a kink and no exponential is to be put among them."""
    straight = {"relu", "leaky_relu", "prelu", "rrelu", "relu6", "squared_relu"}
    assert {name for name, _ in CASES} == straight


def with_ties(dtype: torch.dtype, size: int) -> Tensor:
    """Few different numbers, so that most groups have equal pieces; zeros of both signs, and NaN."""
    numbers = [-np.inf, -2.0, -0.0, 0.0, 1.0, 3.0, np.inf, np.nan]
    picks = torch.randint(len(numbers), (size,), generator=seeded(3))
    return torch.tensor(numbers, dtype=dtype)[picks]


def winners(pieces: np.ndarray) -> np.ndarray:
    """Number of the first of the largest pieces along axis 1, of the first NaN if there is one."""
    return np.argmax(pieces, axis=1, keepdims=True)


@pytest.mark.parametrize("pieces, dtype", [(k, torch.float32) for k in PIECES] + [(3, d) for d in DTYPES])
@pytest.mark.parametrize("inner", [1, 13])
def test_maxout_takes_the_first_of_the_largest_pieces(pieces: int, dtype: torch.dtype, inner: int) -> None:
    rows = 1000 if inner == 1 else 80
    x = torch.cat((with_ties(dtype, rows * pieces * inner), patterns(dtype)))[: rows * pieces * inner]
    split = x.reshape(rows, pieces, inner).double().numpy()
    index = winners(split)
    y = torch.full((rows * inner,), np.nan, dtype=dtype)
    packed = kernels.maxout_value((rows, pieces, inner), x, y, True)
    same(y, torch.from_numpy(np.take_along_axis(split, index, axis=1).ravel()).to(dtype))
    unpacked = torch.full_like(y, np.nan)
    assert kernels.maxout_value((rows, pieces, inner), x, unpacked, False) is None
    same(unpacked, y)
    g = gradients(dtype, rows * inner)
    gx = torch.full_like(x, np.nan)
    assert packed is not None
    kernels.maxout_slope((rows, pieces, inner), packed, g, gx)
    won = np.arange(pieces)[None, :, None] == index
    expected = np.where(won, g.double().numpy().reshape(rows, 1, inner), 0.0)
    same(gx, torch.from_numpy(expected.ravel()).to(dtype))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("rows", [1, 7])
def test_crelu_splits_every_number(rows: int, dtype: torch.dtype) -> None:
    x = patterns(dtype)
    x = x[: x.numel() // rows * rows]
    length = x.numel() // rows
    y = torch.full((2 * x.numel(),), np.nan, dtype=dtype)
    signs = kernels.crelu_value((rows, length), x, y, True)
    wanted = registry["crelu"].f(x.double().numpy().reshape(rows, length), 1)
    same(y, torch.from_numpy(wanted.ravel()).to(dtype))
    unpacked = torch.full_like(y, np.nan)
    assert kernels.crelu_value((rows, length), x, unpacked, False) is None
    same(unpacked, y)
    g = gradients(dtype, 2 * x.numel())
    gx = torch.full_like(x, np.nan)
    assert signs is not None
    kernels.crelu_slope((rows, length), signs, g, gx)
    first, second = g.view(rows, 2, length).unbind(1)
    at = x.view(rows, length)
    same(gx, (torch.where(at <= 0, 0.0, first) - torch.where(at >= 0, 0.0, second)).ravel())
