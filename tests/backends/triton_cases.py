"""Every Triton kernel against the records in float64: on a GPU, or by Triton's interpreter.

`test_triton.py` runs this file in a process of its own, with ``TRITON_INTERPRET=1``, and without where there
is a GPU.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from types import FunctionType
from typing import Any

import numpy as np
import pytest
import torch
import triton
import triton.language as tl
from numpy.typing import NDArray
from triton.runtime import interpreter
from triton.runtime.interpreter import InterpretedFunction

from rectifiers.activations import Elementwise, Real, elementwise, registry
from rectifiers.backends import gpu
from rectifiers.backends._kernels import Draw
from rectifiers.backends.gpu.tiles import drawn, first_of, positions
from rectifiers.vocabulary import maximum, where

Array = NDArray[Any]

INTERPRETED = bool(triton.knobs.runtime.interpret)
DEVICE = "cpu" if INTERPRETED else "cuda"


class There:
    """The kernels, of tensors that are moved to the device for the call and back."""

    def __getattr__(self, name: str) -> Any:
        def call(*args: Any) -> Any:
            moved: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

            def there(value: Any) -> Any:
                if isinstance(value, torch.Tensor):
                    return moved.setdefault(id(value), (value, value.to(DEVICE)))[1]
                if isinstance(value, Draw):
                    return Draw(value.lower, value.upper, there(value.seed), value.reciprocal)
                return tuple(map(there, value)) if isinstance(value, tuple) else value

            found = getattr(gpu.kernels, name)(*map(there, args))
            for here, other in moved.values():
                here.copy_(other)
            back = [one.cpu() for one in found] if isinstance(found, tuple) else found
            return found.cpu() if isinstance(found, torch.Tensor) else back

        return call


kernels: Any = gpu.kernels if INTERPRETED else There()
SIZES = [1, 63, 64, 1000, 4097]
DTYPES = [torch.float32, torch.float16, torch.bfloat16]
MANTISSA = {torch.float64: 52, torch.float32: 23, torch.float16: 10, torch.bfloat16: 7}
LEAST = {torch.float64: -1074, torch.float32: -149, torch.float16: -24, torch.bfloat16: -133}
# Those that have kernels, and of the others what users' formulas are made of.
ELEMENTWISE = [
    r for r in registry.values() if isinstance(r, Elementwise) and not gpu.kernels.refuses(r, torch.float32)
]
VALUES = {
    "leaky_relu": [(0.01,), (0.3,), (-0.5,)],
    "rrelu": [(0.3,)],
}


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Branches that are not selected may overflow."""
    with np.errstate(all="ignore"):
        yield


@pytest.fixture(autouse=True, scope="module")
def _patched_once() -> None:
    """The interpreter would patch Triton's language in every call within a kernel: most of its time."""
    if not INTERPRETED:
        return
    interpreter._patch_lang(FunctionType((lambda: None).__code__, {"tl": tl, "core": tl.core}))
    InterpretedFunction.__call__ = lambda self, *args, **kwargs: self.rewrite()(*args, **kwargs)


def hostile(dtype: torch.dtype, n: int = 1000, large: float = 1e30) -> torch.Tensor:
    """Edges first, then numbers of all magnitudes."""
    tiny = 2.0 ** LEAST[dtype]
    normal = torch.finfo(dtype).smallest_normal
    edges = [
        math.nan,
        math.inf,
        0.0,
        tiny,
        3 * tiny,
        normal,
        1e-7,
        0.3,
        1.0,
        3.0,
        6.0,
        9.7,
        20.0,
        40.5,
        90.0,
        1e4,
    ]
    edges += [float(np.nextafter(np.float32(6), s)) for s in (0, 9)] + [min(large, torch.finfo(dtype).max)]
    generator = torch.Generator().manual_seed(0)
    rest = torch.randn(n, dtype=torch.float64, generator=generator) * 3
    x = torch.cat((torch.tensor([*edges, *(-e for e in edges)], dtype=torch.float64), rest))
    return x[:n].to(dtype)


def nan_like(x: torch.Tensor, *shape: int) -> torch.Tensor:
    return torch.full(shape or x.shape, math.nan, dtype=x.dtype)


def assert_close(
    got: torch.Tensor, want: Array, ulps: float, signs: bool = True, scale: Array | float = 0.0
) -> None:
    """Within `ulps` of the float64 numbers `want`; NaN, infinities and the sign of zero exactly.

    An ulp is that of `scale` where it is larger.
    """
    dtype = got.dtype
    got64, rounded = got.double().numpy(), torch.from_numpy(np.asarray(want)).to(dtype).double().numpy()
    np.testing.assert_array_equal(np.isnan(got64), np.isnan(want))
    infinite = np.isinf(rounded) | np.isinf(got64)
    np.testing.assert_array_equal(got64[infinite], rounded[infinite])
    finite = ~infinite & ~np.isnan(want)
    size = np.maximum(np.abs(want), scale)
    exponent = np.frexp(np.where(size == 0, 1.0, size))[1] - 1
    ulp = np.exp2(np.maximum(exponent - MANTISSA[dtype], LEAST[dtype]).astype(float))
    with np.errstate(all="ignore"):
        off = np.abs(got64 - want)[finite] / ulp[finite]
    assert off.size == 0 or off.max() <= ulps, f"{off.max()} ulp at {np.argmax(off)}"
    if signs:
        np.testing.assert_array_equal(np.signbit(got64)[finite], np.signbit(want)[finite])


def test_what_has_kernels() -> None:
    names = {record.name for record in ELEMENTWISE}
    assert {"relu", "leaky_relu", "rrelu", "squared_relu", "hardtanh"} <= names


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("record", ELEMENTWISE, ids=lambda record: record.name)
def test_values_and_slopes_are_the_records(record: Any, dtype: torch.dtype) -> None:
    x = hostile(dtype)
    layout = (1, 1, x.numel())
    g = torch.tensor([1.0, -0.5, 2.0, 1.5], dtype=dtype).repeat(x.numel() // 4)
    for values in VALUES.get(record.name, [record.defaults])[: None if dtype == torch.float32 else 1]:
        y, gx = nan_like(x), nan_like(x)
        bits = kernels.value(record, values, layout, x, y, True)
        assert bits is not None
        assert_close(y, record.f(x.double().numpy(), *values), 1.0)
        kernels.slope(record, values, layout, record.keeps, bits if record.keeps == "sign" else x, g, gx)
        want = g.double().numpy() * record.df(x.double().numpy(), *values)
        assert_close(gx, want, 2.0, signs=False)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("n", SIZES)
def test_bits_survive_any_size(n: int, dtype: torch.dtype) -> None:
    record = registry["leaky_relu"]
    x = hostile(dtype, n)
    y, gx, g = nan_like(x), nan_like(x), torch.ones_like(x)
    assert kernels.value(record, (0.25,), (1, 1, n), x, y, False) is None
    assert_close(y, record.f(x.double().numpy(), 0.25), 0.5)
    inplace = x.clone()
    bits = kernels.value(record, (0.25,), (1, 1, n), inplace, inplace, True)
    assert bits is not None
    assert bits.numel() <= n / 8 + 1024
    torch.testing.assert_close(inplace, y, rtol=0, atol=0, equal_nan=True)
    kernels.slope(record, (0.25,), (1, 1, n), "sign", bits, g, gx)
    torch.testing.assert_close(gx, torch.where(x > 0, 1.0, 0.25).to(dtype), rtol=0, atol=0)


# -- what is drawn


def draw(where: Array, d: Draw) -> Array:
    """The documented stream at any positions."""
    e = where.astype(np.uint64)
    z = np.uint64(int(d.seed) % 2**64) + (e // np.uint64(4) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ z >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ z >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    k = (z ^ z >> np.uint64(31)) >> e % np.uint64(4) * np.uint64(16) & np.uint64(0xFFFF)
    value = k.astype(np.float32) * np.float32(d.step) + np.float32(d.base)
    return np.float32(1) / value if d.reciprocal else value


@pytest.mark.parametrize(
    ("n", "seed", "dtype"),
    [
        (1, 0, torch.float32),
        (63, -1, torch.bfloat16),
        (64, 7, torch.float32),
        (1000, 2**62 + 12345, torch.float32),
        (4097, 3 << 32, torch.float32),
        (8193, 5, torch.bfloat16),
    ],
)
def test_the_documented_stream_is_drawn(n: int, seed: int, dtype: torch.dtype) -> None:
    record = registry["rrelu"]
    for reciprocal in (False, True):
        d = Draw(3.0, 8.0, torch.tensor(seed), True) if reciprocal else Draw(0.125, 1 / 3, torch.tensor(seed))
        x = torch.full((n,), -1.0, dtype=dtype)
        y, gx, g = nan_like(x), nan_like(x), torch.ones_like(x)
        bits = kernels.value(record, (d,), (1, 1, n), x, y, True)
        assert bits is not None
        want = torch.from_numpy(draw(np.arange(n), d)).to(dtype)
        torch.testing.assert_close(-y, want, rtol=0, atol=0)
        kernels.slope(record, (d,), (1, 1, n), "sign", bits, g, gx)
        torch.testing.assert_close(gx, want, rtol=0, atol=0)


@triton.jit
def far_kernel(where_ptr, tile_ptr, seed_ptr, program, row: tl.constexpr):
    first = first_of(program, 512)
    place = positions(0, 0, 512)
    tl.store(where_ptr + place, positions(first, row, 512))
    tl.store(tile_ptr + place, drawn(first + row * 512, (tl.load(seed_ptr), 0.125, 0.25), 512, False))


@pytest.mark.parametrize("program", [3, 2**20 + 1, 2**31 - 2])
def test_positions_beyond_int32(program: int) -> None:
    seed = torch.tensor(11, device=DEVICE)
    for row in (0, 7):
        where = torch.zeros(512, dtype=torch.int64, device=DEVICE)
        tile = torch.zeros(512, device=DEVICE)
        far_kernel[(1,)](where, tile, seed, program, row)
        want = np.int64(program) * 4096 + row * 512 + np.arange(512)
        np.testing.assert_array_equal(where.cpu().numpy(), want)
        d = Draw(0.0, 16384.0, seed.cpu())
        k = (draw(want, d) - d.base) / d.step
        np.testing.assert_array_equal(
            tile.cpu().numpy(), np.float32(0.25) * k.astype(np.float32) + np.float32(0.125)
        )


# -- formulas of one's own

THIRD = 1 / 3


def literal(x: Any) -> Any:
    """Literals on both sides, and a number from outside."""
    return maximum(where(x > 0, 0.1 * x, THIRD * x), -0.7)


def literal_slope(x: Any) -> Any:
    """Literals alone."""
    return where(x > 0, 0.1, where(THIRD * x > -0.7, THIRD, 0.0))


def line(x: Any) -> Any:
    """A straight line."""
    return 0.1 * x


def line_slope(x: Any) -> Any:
    """A constant."""
    return 0.1


def bent(x: Any, left: Any, scale: Any) -> Any:
    """Two numbers."""
    return where(x > 0, x, left * scale * x)


def bent_slope(x: Any, left: Any, scale: Any) -> Any:
    """The derivative."""
    return where(x > 0, 1.0, left * scale)


def test_numbers_are_those_of_the_formula_in_float32() -> None:
    parameters = {"left": Real(0.1), "scale": Real(0.75)}
    record = elementwise("bent", bent, bent_slope, keeps="input", parameters=parameters, kinks=[0.0])
    x, g = torch.randn(2, 700, generator=torch.Generator().manual_seed(2))
    y, gx = nan_like(x), nan_like(x)
    kernels.value(record, (0.1, 0.75), (1, 1, 700), x, y, False)
    numbers = np.float32(0.1), np.float32(0.75)
    np.testing.assert_array_equal(y.numpy(), bent(x.numpy(), *numbers))
    kernels.slope(record, (0.1, 0.75), (1, 1, 700), "input", x, g, gx)
    np.testing.assert_array_equal(gx.numpy(), g.numpy() * bent_slope(x.numpy(), *numbers))


def test_literals_are_of_the_type_of_computation() -> None:
    x = torch.randn(300, generator=torch.Generator().manual_seed(4))
    for f, df in ((literal, literal_slope), (line, line_slope)):
        record = elementwise(f.__name__, f, df, keeps="input", kinks=[0.0, -2.1])
        y, gx = nan_like(x), nan_like(x)
        kernels.value(record, (), (1, 1, 300), x, y, False)
        np.testing.assert_array_equal(y.numpy(), f(x.numpy()))
        kernels.slope(record, (), (1, 1, 300), "input", x, x, gx)
        np.testing.assert_array_equal(gx.numpy(), x.numpy() * np.float32(df(x.numpy())))


# -- maxout and CReLU


@pytest.mark.parametrize(
    ("pieces", "inner"),
    [(1, 1), (1, 64), (2, 1), (2, 5), (2, 64), (3, 1), (3, 64), (4, 1), (8, 5), (9, 64), (256, 1)],
)
def test_maxout(pieces: int, inner: int) -> None:
    rows = 5000 // inner if pieces <= 4 else max(2, 180 // pieces)  # more than a program takes
    for dtype in (torch.float32, torch.bfloat16) if pieces == 2 else (torch.float32,):
        x = torch.randint(-3, 3, (rows, pieces, inner), generator=torch.Generator().manual_seed(6)).to(dtype)
        x[x == 2] = math.nan if pieces < 9 else 2.0
        x[x == -3] = -math.inf
        x[0, :, :] = 0.0
        x[0, 0, :] = -0.0
        y, gx = nan_like(x, rows, inner), nan_like(x)
        g = torch.randn(rows, inner, generator=torch.Generator().manual_seed(7)).to(dtype)
        again = nan_like(y)
        winners = kernels.maxout_value((rows, pieces, inner), x, y, True)
        assert winners is not None
        array = x.double().numpy()
        index = array.argmax(axis=1)[:, None]  # the first NaN, else the first of the largest
        want = np.take_along_axis(array, index, axis=1)[:, 0]
        assert_close(y, want, 0.0)
        if pieces <= 4:
            assert kernels.maxout_value((rows, pieces, inner), x, again, False) is None
            assert_close(again, want, 0.0)
        kernels.maxout_slope((rows, pieces, inner), winners, g, gx)
        won = np.arange(pieces)[:, None] == index
        np.testing.assert_array_equal(gx.double().numpy(), np.where(won, g.double().numpy()[:, None], 0.0))


@pytest.mark.parametrize("layout", [(1, 1), (9, 7), (3, 64), (2, 2100)], ids=str)
def test_crelu(layout: tuple[int, int]) -> None:
    rows, length = layout
    for dtype in DTYPES:
        x = hostile(dtype, rows * length, large=1e4).reshape(layout)
        y, gx = nan_like(x, rows, 2, length), nan_like(x)
        g = torch.randn(rows, 2, length, generator=torch.Generator().manual_seed(8)).to(dtype)
        assert kernels.crelu_value(layout, x, y, False) is None
        signs = kernels.crelu_value(layout, x, y, True)
        assert signs is not None
        assert_close(y.reshape(rows, -1), registry["crelu"].f(x.double().numpy(), 1), 0.0)
        kernels.crelu_slope(layout, signs, g, gx)
        want = torch.where(x <= 0, 0.0, g[:, 0]) - torch.where(x >= 0, 0.0, g[:, 1])
        torch.testing.assert_close(gx, want, rtol=0, atol=0)
