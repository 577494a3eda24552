"""Kernels of the processor where an element, a size or a layout is unusual; nothing outside is written."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from rectifiers import functional
from rectifiers.activations import Learned, registry
from rectifiers.backends import using
from rectifiers.backends.cpu import kernels

DTYPES = (torch.float32, torch.float16, torch.bfloat16)
HALF = (torch.float16, torch.bfloat16)
INTEGERS = {8: torch.int64, 4: torch.int32, 2: torch.int16}
ELEMENTWISE: dict[str, tuple[Any, ...]] = {
    "relu": (),
    "leaky_relu": (-0.3,),
    "prelu": (0.25,),
    "rrelu": (0.2,),
    "squared_relu": (),
    "elu": (1.3,),
    "selu": (),
    "celu": (1.3,),
}
EXPONENTIAL = ("elu", "selu", "celu")
SIZES = (1, 7, 8, 9, 63, 64, 65, 1000, 8191, 8193, 100003)
GUARD = 4096  # sentinels before and behind
PIECES = (1, 2, 3, 4, 5, 16, 17)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def sample(*shape: int, dtype: torch.dtype = torch.float32, seed: int = 0) -> Tensor:
    return (torch.randn(shape, generator=seeded(seed), dtype=torch.float64) * 4).to(dtype)


def wide(dtype: torch.dtype) -> torch.dtype:
    return torch.float32 if dtype in HALF else dtype


def exact(name: str, dtype: torch.dtype) -> float:
    """How far a result may be off from the reference, which has an error of its own in float64."""
    if dtype in HALF or name not in EXPONENTIAL:
        return 0.0
    return 2 * torch.finfo(dtype).eps


def close(found: Tensor, expected: Tensor, relative: float = 0.0) -> None:
    """Equal, or off by so much of itself; NaN is NaN and zeros have signs."""
    smallest = torch.finfo(expected.dtype).tiny * torch.finfo(expected.dtype).eps
    absolute = 2 * smallest if relative else 0
    torch.testing.assert_close(found, expected, rtol=relative, atol=absolute, equal_nan=True)
    zero = (expected == 0) & (found == 0)
    assert torch.equal(found.signbit()[zero], expected.signbit()[zero])


def arguments(name: str, values: tuple[Any, ...], dtype: torch.dtype) -> tuple[tuple[Any, ...], list[float]]:
    """What the kernels get, and the parameters as they compute with them."""
    given, seen = [], []
    for parameter, value in zip(registry[name].parameters.values(), values, strict=True):
        learned = isinstance(parameter, Learned)
        one = torch.tensor([value], dtype=dtype if learned else wide(dtype))
        given.append(one if learned else value)
        seen.append(one.item())
    return tuple(given), seen


def edges(name: str, dtype: torch.dtype) -> Tensor:
    """NaN, infinities, zeros, subnormals, the largest, kinks and their neighbours, and what is far out."""
    info = torch.finfo(dtype)
    numbers = [0.0, info.tiny * info.eps, info.tiny - info.tiny * info.eps, info.tiny, info.eps, 1.0]
    numbers += [info.max / 2, info.max, math.inf, 30.0, 88.0, 90.0, 104.0, 104.5, 710.0, 746.0]
    points = torch.tensor([*numbers, *(-number for number in numbers), math.nan], dtype=dtype)
    kinks = torch.tensor(registry[name].kinks_at(), dtype=dtype)
    ways = torch.tensor([math.inf, -math.inf], dtype=dtype)
    beside = [torch.nextafter(kinks, way) for way in ways]
    return torch.cat((points, kinks, *beside))


def blocked(name: str, x: Tensor) -> Tensor:
    """Where the function is constant, so that no gradient gets through, whatever it is."""
    if name == "relu6":
        return ~((x > 0) & (x < 6))
    return x <= 0 if name in ("relu", "squared_relu") else torch.zeros_like(x, dtype=torch.bool)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_edges_are_those_of_the_reference(name: str, dtype: torch.dtype) -> None:
    record, special = registry[name], [1.0, -2.0, 0.0, -0.0, math.inf, -math.inf, math.nan]
    at = edges(name, dtype)
    x = at.repeat_interleave(len(special))
    g = torch.tensor(special, dtype=dtype).repeat(at.numel())
    given, seen = arguments(name, ELEMENTWISE[name], dtype)
    layout, keeps = (1, 1, x.numel()), record.keeps_at(*ELEMENTWISE[name])
    y = torch.full_like(x, math.nan)
    signs = kernels.value(record, given, layout, x, y, keeps == "sign")
    f = torch.as_tensor(record.f(x.double().numpy(), *seen)).to(wide(dtype)).to(dtype)
    close(y, f, exact(name, dtype))
    df = torch.as_tensor(record.df(x.double().numpy(), *seen)).to(wide(dtype))
    expected = torch.where(blocked(name, x), 0.0, g.double() * df.double()).to(wide(dtype)).to(dtype)
    # infinity times an exponential next to 0: some number, infinity or NaN, as rounding has it
    vague = ~g.isfinite() & (df < 1e-30) if name in EXPONENTIAL else torch.zeros_like(x, dtype=torch.bool)
    gx = torch.full_like(x, math.nan)
    kernels.slope(record, given, layout, "input", x, g, gx)
    close(gx[~vague], expected[~vague], exact(name, dtype))
    if keeps == "input" or (dtype in HALF and name in EXPONENTIAL):
        return
    gx = torch.full_like(x, math.nan)
    kernels.slope(record, given, layout, keeps, y if signs is None else signs, g, gx)
    if name in EXPONENTIAL:  # y + alpha cancels where the exponential is small
        clear = (df > 1e-3) | x.isnan() | (g == 0)
        few = 2000 * torch.finfo(dtype).eps
        torch.testing.assert_close(gx[clear], expected[clear], rtol=few, atol=0, equal_nan=True)
    else:
        close(gx, expected)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_every_element_of_any_size_is_written_and_no_other(name: str, size: int) -> None:
    """Buffers lie a few elements off every alignment, between sentinels, packed bits too."""
    record, dtype = registry[name], torch.float32
    x = inside(sample(size), 3)
    y, g, gx = (inside(torch.full((size,), math.nan), offset) for offset in (1, 2, 5))
    g.copy_(sample(size, seed=1))
    given, seen = arguments(name, ELEMENTWISE[name], dtype)
    layout, keeps = (1, 1, size), record.keeps_at(*ELEMENTWISE[name])
    signs = kernels.value(record, given, layout, x, y, keeps == "sign")
    f = torch.as_tensor(record.f(x.double().numpy(), *seen)).to(dtype)
    close(y, f, exact(name, dtype))
    if signs is not None:
        assert signs.numel() == (size + 7) // 8
        signs = inside(signs, 1)
        bits = np.unpackbits(signs.numpy(), bitorder="little")[:size]
        assert np.array_equal(bits, (x > 0).numpy())
    kept = {"sign": signs, "output": y, "input": x}[keeps]
    sums = kernels.slope(record, given, layout, keeps, kept, g, gx)
    df = torch.as_tensor(record.df(x.double().numpy(), *seen))
    near = (df > 1e-3) | (df <= 0)
    expected = torch.where(blocked(name, x), 0.0, g.double() * df).to(dtype)
    tolerance = 1e-3 if keeps == "output" and name in EXPONENTIAL else 0
    torch.testing.assert_close(gx[near], expected[near], rtol=tolerance, atol=0)
    assert not gx.isnan().any()
    for total in sums:
        wanted = (g.double() * x.double().clamp(max=0)).sum().reshape(1)
        torch.testing.assert_close(total.double(), wanted, rtol=1e-5, atol=1e-5)
    for tensor in (x, y, g, gx):
        assert untouched(tensor)


def inside(tensor: Tensor, offset: int) -> Tensor:
    """A copy between sentinels, `offset` elements off the alignment of the allocator."""
    buffer = torch.empty(GUARD + offset + tensor.numel() + GUARD, dtype=tensor.dtype)
    as_integers(buffer).fill_(0x5A)
    view = buffer[GUARD + offset : GUARD + offset + tensor.numel()]
    return view.copy_(tensor.reshape(-1))


def as_integers(tensor: Tensor) -> Tensor:
    return tensor if tensor.dtype == torch.uint8 else tensor.view(INTEGERS[tensor.element_size()])


def untouched(view: Tensor) -> bool:
    """Whether the sentinels around a view are all there."""
    start, storage = view.storage_offset(), view.untyped_storage()
    whole = as_integers(torch.empty(0, dtype=view.dtype).set_(storage))
    outside = torch.cat((whole[:start], whole[start + view.numel() :]))
    return outside.numel() >= 2 * GUARD and bool((outside == 0x5A).all())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name", ["relu", "elu"])
def test_other_types_write_no_other_element_either(name: str, dtype: torch.dtype) -> None:
    for size in (1, 7, 9, 65, 1001):
        x, y = inside(sample(size, dtype=dtype), 1), inside(torch.full((size,), math.nan, dtype=dtype), 3)
        g, gx = inside(torch.ones_like(x), 5), inside(torch.full_like(x, math.nan), 7)
        values = ELEMENTWISE[name]
        signs = kernels.value(registry[name], values, (1, 1, size), x, y, name == "relu")
        keeps: Any = "sign" if name == "relu" else "input"
        kernels.slope(registry[name], values, (1, 1, size), keeps, x if signs is None else signs, g, gx)
        assert not (y.isnan() | gx.isnan()).any()
        assert all(map(untouched, (x, y, g, gx)))


@pytest.mark.parametrize("pieces", PIECES)
@pytest.mark.parametrize("inner", [1, 7, 64, 1001])
def test_maxout_writes_every_element_and_no_other(pieces: int, inner: int) -> None:
    for rows in (1, 8, 67) if inner < 1001 else (5,):
        x, g = inside(sample(rows * pieces * inner), 3), inside(sample(rows * inner, seed=1), 1)
        y, gx = inside(torch.full_like(g, math.nan), 5), inside(torch.full_like(x, math.nan), 7)
        winners = kernels.maxout_value((rows, pieces, inner), x, y, True)
        assert winners is not None
        kernels.maxout_slope((rows, pieces, inner), inside(winners, 1), g, gx)
        best = x.view(rows, pieces, inner).max(dim=1, keepdim=True)
        assert torch.equal(y, best.values.reshape(-1))
        expected = torch.zeros(rows, pieces, inner).scatter_(1, best.indices, g.view(rows, 1, inner))
        assert torch.equal(gx, expected.reshape(-1))
        assert all(map(untouched, (x, y, g, gx)))


@pytest.mark.parametrize("length", [1, 7, 8, 9, 64, 1001])
@pytest.mark.parametrize("rows", [1, 5])
def test_crelu_writes_every_element_and_no_other(rows: int, length: int) -> None:
    x, g = inside(sample(rows * length), 3), inside(sample(2 * rows * length, seed=1), 1)
    y, gx = inside(torch.full_like(g, math.nan), 5), inside(torch.full_like(x, math.nan), 7)
    signs = kernels.crelu_value((rows, length), x, y, True)
    assert signs is not None
    kernels.crelu_slope((rows, length), inside(signs, 1), g, gx)
    at = x.view(rows, length)
    assert torch.equal(y.view(rows, 2, length), torch.stack((at.relu(), (-at).relu()), 1))
    first, second = g.view(rows, 2, length).unbind(1)
    assert torch.equal(gx.view(rows, length), torch.where(at > 0, first, -second))
    assert all(map(untouched, (x, y, g, gx)))


@pytest.mark.parametrize("channels, inner", [(1, 100), (3, 1), (8, 1), (13, 1), (3, 7), (5, 8200)])
def test_prelu_writes_every_element_and_no_other(channels: int, inner: int) -> None:
    outer = 70
    if inner > 1000:
        outer = 2
    size = outer * channels * inner
    x, g = inside(sample(size), 3), inside(sample(size, seed=1), 1)
    y, gx = inside(torch.full_like(x, math.nan), 5), inside(torch.full_like(x, math.nan), 7)
    weight = inside(sample(channels, seed=2), 1)
    layout = (outer, channels, inner)
    kernels.value(registry["prelu"], (weight,), layout, x, y, False)
    (by_weight,) = kernels.slope(registry["prelu"], (weight,), layout, "input", x, g, gx)
    at, slope = x.view(layout), weight.view(1, -1, 1)
    assert torch.equal(y.view(layout), torch.where(at > 0, at, slope * at))
    assert torch.equal(gx.view(layout), torch.where(at > 0, g.view(layout), slope * g.view(layout)))
    wanted = (g.view(layout).double() * at.double().clamp(max=0)).sum(dim=(0, 2))
    torch.testing.assert_close(by_weight.double(), wanted, rtol=1e-5, atol=1e-5)
    assert all(map(untouched, (x, y, g, gx, weight)))


def channels_last(*shape: int) -> Tensor:
    formats = {4: torch.channels_last, 5: torch.channels_last_3d}
    return sample(*shape).to(memory_format=formats[len(shape)])


LAYOUTS: dict[str, Callable[[], Tensor]] = {
    "0-d": lambda: torch.tensor(-1.5),
    "1-d": lambda: sample(6),
    "NC": lambda: sample(5, 6),
    "NCL": lambda: sample(2, 6, 9),
    "NCHW": lambda: sample(2, 6, 4, 5),
    "channels last": lambda: channels_last(2, 6, 4, 5),
    "channels last, 3-d": lambda: channels_last(2, 6, 3, 4, 5),
    "transposed": lambda: sample(6, 5).t(),
    "permuted": lambda: sample(4, 6, 5).permute(2, 1, 0),
    "every second row": lambda: sample(10, 6)[::2],
    "every second column": lambda: sample(5, 12)[:, ::2],
    "a corner": lambda: sample(5, 9)[1:, 2:8],
    "an odd offset": lambda: sample(31)[1:].view(5, 6),
    "expanded": lambda: sample(5, 1, 6).expand(5, 6, 6),
    "expanded rows": lambda: sample(6).expand(5, 6),
    "size 1 everywhere": lambda: sample(1, 6, 1, 1),
    "size 1, odd strides": lambda: torch.as_strided(sample(64), (1, 6, 1, 5), (3, 5, 7, 1)),
    "one element": lambda: sample(1, 1, 1),
    "no element": lambda: sample(0, 6),
}


def under(name: str, function: Callable[[Tensor], Tensor], view: Tensor) -> tuple[Tensor, Tensor]:
    """Value and gradient by a backend, for a gradient that is not the same everywhere."""
    with using(name):
        x = view.detach().requires_grad_()
        y = function(x)
        g = sample(*y.shape, seed=7)
        (gx,) = torch.autograd.grad(y, x, g)
        with torch.no_grad():
            again = function(view.detach())
    assert torch.equal(again, y)
    assert again.stride() == y.stride()
    return y.detach(), gx


def compare(function: Callable[[Tensor], Tensor], view: Tensor, tolerance: float = 0.0) -> None:
    """The kernels against torch's operations, on the view and on its contiguous copy."""
    before = view.clone()
    y, gx = under("llvm", function, view)
    for expected_y, expected_gx in (
        under("torch", function, view.contiguous()),
        under("llvm", function, view.contiguous()),
    ):
        torch.testing.assert_close(y, expected_y, rtol=tolerance, atol=0)
        torch.testing.assert_close(gx, expected_gx, rtol=10 * tolerance, atol=3 * tolerance)
    assert torch.equal(view, before)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", [name for name in ELEMENTWISE if name != "prelu"])
def test_any_layout_gives_what_its_copy_gives(name: str, layout: str) -> None:
    view = LAYOUTS[layout]()
    values = ELEMENTWISE[name] if name != "rrelu" else ()
    function = getattr(functional, name)
    compare(lambda x: function(x, *values), view, 1e-6 if name in EXPONENTIAL else 0.0)
    y, gx = under("llvm", lambda x: function(x, *values), view)
    assert y.stride() == torch.empty_like(view).stride()
    assert gx.stride() == torch.empty_like(view).stride()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_prelu_in_any_layout_along_any_axis(layout: str) -> None:
    view = LAYOUTS[layout]()
    for dim in range(-view.dim(), view.dim()):
        slopes = [sample(view.shape[dim], seed=3), sample(1, seed=3)]
        for weight in slopes if view.numel() else []:

            def run(name: str, weight: Tensor = weight, dim: int = dim) -> list[Tensor]:
                x, w = view.detach().requires_grad_(), weight.clone().requires_grad_()
                with using(name):
                    y = functional.prelu(x, w, dim=dim)
                    grads = torch.autograd.grad(y, (x, w), sample(*y.shape, seed=7))
                return [y.detach(), *grads]

            (y, gx, gw), (wanted_y, wanted_gx, wanted_gw) = run("llvm"), run("torch")
            assert torch.equal(y, wanted_y)
            assert torch.equal(gx, wanted_gx)
            torch.testing.assert_close(gw, wanted_gw, rtol=1e-5, atol=1e-5)
            assert y.stride() == gx.stride() == torch.empty_like(view).stride()


@pytest.mark.parametrize("layout", [name for name in LAYOUTS if name != "0-d"])
@pytest.mark.parametrize("grouping", ["consecutive", "strided"])
def test_maxout_in_any_layout_along_any_axis(grouping: str, layout: str) -> None:
    view = LAYOUTS[layout]()
    for dim, pieces in itertools.product(range(-view.dim(), view.dim()), PIECES):
        if view.shape[dim] % pieces == 0:
            compare(lambda x, k=pieces, d=dim: functional.maxout(x, k, d, grouping), view)


@pytest.mark.parametrize("pieces", PIECES)
@pytest.mark.parametrize("grouping", ["consecutive", "strided"])
def test_maxout_of_any_number_of_pieces(grouping: str, pieces: int) -> None:
    for view in (sample(3, 2 * pieces), sample(2, 3 * pieces, 5), channels_last(2, 3 * pieces, 3, 3)):
        compare(lambda x: functional.maxout(x, pieces, 1, grouping), view)


@pytest.mark.parametrize("layout", [name for name in LAYOUTS if name != "0-d"])
def test_crelu_in_any_layout_along_any_axis(layout: str) -> None:
    view = LAYOUTS[layout]()
    for dim in range(-view.dim(), view.dim()):
        compare(lambda x, d=dim: functional.crelu(x, d), view)


@pytest.mark.parametrize("name", ["maxout", "crelu"])
def test_joined_outputs_lie_in_memory_as_the_input(name: str) -> None:
    function = getattr(functional, name)
    for view in (channels_last(2, 6, 4, 5), channels_last(2, 6, 3, 4, 5)):
        form = torch.channels_last if view.dim() == 4 else torch.channels_last_3d
        for tensor in under("llvm", function, view):
            assert tensor.is_contiguous(memory_format=form)
            assert not tensor.is_contiguous()


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_a_gradient_in_another_layout_is_met_element_by_element(name: str) -> None:
    x, g = sample(2, 6, 4, 5).requires_grad_(), channels_last(2, 6, 4, 5)
    values = () if name in ("rrelu", "prelu") else ELEMENTWISE[name]
    values = (torch.tensor(0.25),) if name == "prelu" else values
    with using("llvm"):
        y = getattr(functional, name)(x, *values)
        found = [torch.autograd.grad(y, x, one, retain_graph=True)[0] for one in (g, g.contiguous())]
        (constant,) = torch.autograd.grad(y, x, torch.ones(()).expand(2, 6, 4, 5), retain_graph=True)
        (ones,) = torch.autograd.grad(y, x, torch.ones_like(y))
    assert torch.equal(*found)
    assert torch.equal(constant, ones)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", ["gelu", "silu", "mish", "squared_relu", "prelu"])
def test_second_derivatives_in_any_layout(name: str, layout: str) -> None:
    """By way of the input itself where a kernel has seen a copy."""
    view = LAYOUTS[layout]()
    found = []
    for backend in ("llvm", "torch"):
        with using(backend):
            x, g = view.detach().requires_grad_(), sample(*view.shape).requires_grad_()
            inputs = [x, g]
            if name == "prelu":
                inputs.append(torch.tensor(0.3, requires_grad=True))
            y = getattr(functional, name)(x, *inputs[2:])
            first = torch.autograd.grad(y, [x, *inputs[2:]], g, create_graph=True)
            v = sample(*view.shape, seed=8)
            total = (first[0] * v).sum() + sum(one.square().sum() for one in first[1:])
            found.append([*first, *torch.autograd.grad(total, inputs)])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)
