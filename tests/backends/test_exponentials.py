"""ELU, SELU and CELU by the kernels of the processor: within 1 ulp of the truth, wherever the input lies.

Every float32 pattern there is: ``python benchmarks/exhaustive_exactness.py``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from rectifiers.activations import registry
from rectifiers.backends.cpu import kernels

HALF = (torch.float16, torch.bfloat16)
CASES: list[tuple[str, tuple[float, ...]]] = [
    *(("elu", (alpha,)) for alpha in (0.1, 1.0, 1.3, 1.999, 7.5, -1.3)),
    ("selu", ()),
    *(("celu", (alpha,)) for alpha in (0.1, 1.0, 1.3, 1.999, 7.5, -1.5)),
]
SCALE, SCALED_ALPHA = 1.0507009873554805, 1.7580993408473768  # as the formulas have them
EVERY = 4093  # of the 2^32 patterns of float32


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def seen(values: tuple[float, ...], dtype: torch.dtype) -> tuple[float, ...]:
    """The parameters as the computation sees them."""
    wide = torch.float64 if dtype == torch.float64 else torch.float32
    return tuple(torch.tensor(value, dtype=wide).item() for value in values)


def value(name: str, values: tuple[Any, ...], x: Tensor) -> Tensor:
    y = torch.full_like(x, math.nan)
    kernels.value(registry[name], values, (1, 1, x.numel()), x, y, False)
    return y


def slope(name: str, values: tuple[Any, ...], keeps: Any, kept: Tensor, g: Tensor) -> Tensor:
    gx = torch.full_like(g, math.nan)
    kernels.slope(registry[name], values, (1, 1, g.numel()), keeps, kept, g, gx)
    return gx


def truth(name: str, values: tuple[float, ...], x: Tensor) -> tuple[Tensor, Tensor]:
    """Value and derivative in float64, off by less than 2^-44 of themselves."""
    positive = x > 0
    below = x.clamp(max=0)
    if name == "elu":
        (alpha,) = values
        return torch.where(positive, x, alpha * below.expm1()), torch.where(
            positive, 1.0, alpha * below.exp()
        )
    if name == "selu":
        negative = SCALED_ALPHA * below.expm1(), SCALED_ALPHA * below.exp()
        return torch.where(positive, SCALE * x, negative[0]), torch.where(positive, SCALE, negative[1])
    (alpha,) = values
    t = below / alpha
    return torch.where(positive, x, alpha * t.expm1()), torch.where(positive, 1.0, t.exp())


def ulps(found: Tensor, exact: Tensor) -> float:
    """The largest error in the distance of neighbouring float32 around the exact value."""
    info = torch.finfo(torch.float32)
    over = exact.abs() >= info.max * (1 + info.eps / 4)
    if over.any():
        assert torch.equal(found[over].double(), exact[over].sign() * math.inf)
        found, exact = found[~over], exact[~over]
    _, exponent = exact.abs().clamp(min=info.tiny).frexp()
    return float(
        ((found.double() - exact).abs() * torch.exp2(24 - exponent.double())).nan_to_num(math.inf).max()
    )


def pattern_range(first: float, last: float) -> Tensor:
    """Every float32 between two of one sign."""
    ends = np.array([first, last], dtype=np.float32).view(np.int32)
    return torch.arange(int(ends.min()), int(ends.max()) + 1, dtype=torch.int32).view(torch.float32)


def sweep() -> Iterator[Tensor]:
    """Float32 patterns from end to end, and every one where reduction and rounding are delicate."""
    bits = np.arange(0, 2**32, EVERY, dtype=np.int64).astype(np.uint32)
    strided = torch.from_numpy(bits.view(np.float32))
    yield strided[strided.isfinite()]
    for sign in (1.0, -1.0):
        yield pattern_range(sign * 0.0, sign * 1e-41)
        yield pattern_range(sign * 1.1754e-38, sign * 1.1756e-38)
        yield pattern_range(sign * 5.960e-8, sign * 5.964e-8)
    yield pattern_range(-17.0, -16.6)
    yield pattern_range(-15.2, -15.0)
    yield pattern_range(-104.0, -103.0)
    boundaries = -np.arange(1, 300) * np.log(2) / 2
    near = boundaries.astype(np.float32).view(np.int32)[:, None] + np.arange(-500, 500, dtype=np.int32)
    yield torch.from_numpy(near.ravel()).view(torch.float32)


@pytest.mark.parametrize("name, values", CASES)
def test_float32_is_within_an_ulp(name: str, values: tuple[float, ...]) -> None:
    exact_at, alpha = seen(values, torch.float32), abs(values[0]) if values and name == "elu" else 1.0
    alpha = SCALED_ALPHA if name == "selu" else alpha
    ulp_of_alpha = 2.0 ** (math.floor(math.log2(alpha)) - 23)
    for x in sweep():
        f, df = truth(name, exact_at, x.double())
        one = torch.ones_like(x)
        y = value(name, values, x)
        assert ulps(y, f) <= 1
        assert torch.equal(y.signbit(), f.signbit())
        assert ulps(slope(name, values, "input", x, one), df) <= 1
        if registry[name].keeps_at(*values) == "output":
            error = (slope(name, values, "output", y, one).double() - df).abs()
            assert error[f.abs() < 1e38].max() <= ulp_of_alpha


@pytest.mark.parametrize("name, values", CASES)
def test_the_product_with_a_gradient_is_within_an_ulp(name: str, values: tuple[float, ...]) -> None:
    x = torch.cat((torch.linspace(-90, 2, 200001), -torch.rand(200000, generator=seeded(0))))
    g = torch.randn(x.numel(), generator=seeded(1))
    _, df = truth(name, seen(values, torch.float32), x.double())
    assert ulps(slope(name, values, "input", x, g), g.double() * df) <= 1


@pytest.mark.parametrize("dtype", HALF, ids=str)
@pytest.mark.parametrize("name, values", CASES)
def test_half_types_round_a_float32_within_an_ulp(
    name: str, values: tuple[float, ...], dtype: torch.dtype
) -> None:
    """For every number of the type; all but a few next to a tie are what the truth itself rounds to."""
    x = torch.arange(-(2**15), 2**15, dtype=torch.int16).view(dtype)
    g = torch.randn(x.numel(), generator=seeded(2)).to(dtype)
    f, df = truth(name, seen(values, dtype), x.double())
    for found, exact in (
        (value(name, values, x), f.float()),
        (slope(name, values, "input", x, torch.ones_like(x)), df.float()),
        (slope(name, values, "input", x, g), (g.double() * df).float()),
    ):
        ways = (exact, *(exact.nextafter(torch.tensor(way)) for way in (math.inf, -math.inf)))
        right, *others = (bits_of(way.to(dtype)) == bits_of(found) for way in ways)
        assert (right | others[0] | others[1]).all()
        assert int((~right).sum()) <= 8


def bits_of(half: Tensor) -> Tensor:
    """The bits of a half type, NaN made one."""
    return half.where(~half.isnan(), math.nan).view(torch.int16)
