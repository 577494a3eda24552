"""Random slopes of tensors that lie in memory another way: those of a contiguous one, without a copy."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import rectifiers
from rectifiers import nn
from rectifiers.activations import Elementwise, Uniform, elementwise, registry
from rectifiers.backends._kernels import Draw
from rectifiers.backends._memory_order import swapped
from rectifiers.backends.cpu import kernels
from rectifiers.backends.cpu.compiled import value_kernel
from rectifiers.backends.cpu.kernel_set import NumbaKernels
from rectifiers.backends.cpu.task import Word, packed
from rectifiers.backends.cpu.threads import run
from rectifiers.backends.cpu.tiling import BLOCK, MOST_CHANNELS, MOST_NUMBERS, tile_of
from rectifiers.functional import rrelu
from rectifiers.vocabulary import where

DTYPES = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
GUARD = 4096  # sentinels before and behind
SHAPES = [
    (2, 16, 8, 8),  # places fill blocks
    (3, 24, 16, 8),
    (2, 1040, 8, 8),  # more channels than a tile has
    (3, 8, 7, 7),  # they do not
    (2, 72, 37, 37),  # nor are they few: several tiles below each other, of which the last is shorter
    (1, 264, 30, 11),
    (2, 520, 14, 14),
    (4, 8, 1, 2),
    (2, 8, 2, 1),
    (1, 16, 5, 13),
    (2, 12, 9, 9),  # channels do not fill bytes
    (2, 3, 8, 8),
    (2, 9, 1, 2),
]


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def sample(*shape: int, dtype: torch.dtype = torch.float32, seed: int = 0) -> Tensor:
    return (torch.randn(shape, generator=seeded(seed), dtype=torch.float64) * 4).to(dtype)


def last(x: Tensor) -> Tensor:
    """The same with its channels last in memory."""
    return x.to(memory_format=torch.channels_last_3d if x.dim() == 5 else torch.channels_last)


def slopes(x: Tensor, **options: Any) -> Tensor:
    return rrelu(x, training=True, generator=seeded(4), **options)


def both(function: Callable[..., Tensor], x: Tensor, g: Tensor, **options: Any) -> tuple[Tensor, Tensor]:
    """Value and gradient by the kernels."""
    with rectifiers.backend("numba"):
        leaf = x.clone(memory_format=torch.preserve_format).requires_grad_()
        held = leaf * 1
        y = function(held, **options)
        (gx,) = torch.autograd.grad(y, leaf, g)
    assert y.stride() == gx.stride() == torch.empty_like(held).stride()
    return y.detach(), gx


def equal(found: tuple[Tensor, ...], expected: tuple[Tensor, ...]) -> bool:
    return all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))


@pytest.fixture
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_channels_last_draws_what_a_contiguous_tensor_draws(
    shape: tuple[int, ...], dtype: torch.dtype
) -> None:
    x, g = sample(*shape, dtype=dtype), sample(*shape, dtype=dtype, seed=1)
    expected = both(slopes, x, g)
    assert equal(both(slopes, last(x), last(g)), expected)
    assert equal(both(slopes, last(x), last(g), inplace=True), expected)
    assert equal(both(slopes, last(x), g), expected)  # a gradient that lies differently
    with torch.no_grad(), rectifiers.backend("numba"):
        assert torch.equal(slopes(last(x)), expected[0])


@pytest.mark.parametrize("shape", [(64, 128, 16, 16), (6, 1024, 14, 14), (9, 520, 17, 16)], ids=str)
@pytest.mark.usefixtures("threads")
def test_large_tensors_and_any_number_of_threads(shape: tuple[int, ...]) -> None:
    """Results that go past the caches."""
    x, g = sample(*shape), sample(*shape, seed=1)
    expected = both(slopes, x, g)
    for count in (1, 2, 3):
        torch.set_num_threads(count)
        assert equal(both(slopes, last(x), last(g)), expected)


VIEWS: dict[str, Callable[[], Tensor]] = {
    "transposed": lambda: sample(70, 48).t(),
    "last axis first": lambda: sample(3, 5, 40, dtype=torch.float64).permute(2, 0, 1),
    "last two": lambda: sample(3, 77, 16).transpose(1, 2),
    "first axis last": lambda: sample(5, 16, 3).permute(2, 0, 1),
    "three dimensions": lambda: last(sample(2, 16, 3, 4, 5)),
    "channels alone": lambda: last(sample(1, 16, 3, 4)),
    "one row": lambda: last(sample(2, 16, 1, 9)),
    "odd strides": lambda: torch.as_strided(sample(400), (2, 8, 1, 5), (40, 1, 333, 8)),
    "reversed": lambda: sample(4, 5, 8).permute(2, 1, 0),
    "a part": lambda: last(sample(2, 24, 6, 5))[:, 8:16],
    "every second place": lambda: last(sample(2, 8, 6, 10))[..., ::2],
}


@pytest.mark.parametrize("view", VIEWS)
def test_any_order_draws_the_same(view: str) -> None:
    x = VIEWS[view]()
    g = sample(*x.shape, dtype=x.dtype, seed=1)
    for inplace in (False, True):
        assert equal(both(slopes, x, g, inplace=inplace), both(slopes, x.contiguous(), g))


def test_orders_are_told_apart() -> None:
    found = {view: swapped(make()) for view, make in VIEWS.items()}
    assert found == {
        "transposed": (1, 48, 70),
        "last axis first": (1, 40, 15),
        "last two": (3, 16, 77),
        "first axis last": (1, 3, 80),
        "three dimensions": (2, 16, 60),
        "channels alone": (1, 16, 12),
        "one row": (2, 16, 9),
        "odd strides": (2, 8, 5),
        "reversed": None,
        "a part": None,
        "every second place": None,
    }
    assert swapped(sample(2, 3, 4)) is None
    assert swapped(last(sample(2, 8, 1, 1))) is None
    assert swapped(sample(5, 1, 6).expand(5, 6, 6)) is None
    assert swapped(torch.tensor(1.0)) is None


def test_tiles_fit_their_memory() -> None:
    channels = [*range(8, 700, 8), 1024, 2048, 65536]
    for count, places in itertools.product(channels, [*range(1, 1100), 3136, 12544, 99999]):
        height, width, pitch = tile_of(count, places)
        assert 0 < width <= min(count, MOST_CHANNELS)
        assert width % 8 == 0
        assert width * pitch <= MOST_NUMBERS
        assert 0 < height <= max(places, 8)
        alone = height < places and places % BLOCK != 0
        assert pitch >= (height + BLOCK - 1 if alone else height)
        assert pitch == places or height != places  # where all places are there, channels touch
        assert height % BLOCK == 0 or height == places or alone


def inside(tensor: Tensor, offset: int) -> Tensor:
    """A flat copy of what lies in memory between sentinels, off the alignment of the allocator."""
    buffer = torch.full((GUARD + offset + tensor.numel() + GUARD,), 7.0, dtype=tensor.dtype)
    view = buffer[GUARD + offset : GUARD + offset + tensor.numel()]
    return view.copy_(tensor.reshape(-1))


def untouched(view: Tensor) -> bool:
    whole = torch.empty(0, dtype=view.dtype).set_(view.untyped_storage())
    start = view.storage_offset()
    outside = torch.cat((whole[:start], whole[start + view.numel() :]))
    return outside.numel() >= 2 * GUARD and bool((outside == 7.0).all())


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(
    "layout", [(3, 8, 7), (2, 16, 64), (1, 72, 1369), (2, 520, 9), (7, 8, 2), (1, 136, 257)], ids=str
)
def test_every_element_is_written_and_no_other(layout: tuple[int, int, int], dtype: torch.dtype) -> None:
    outer, channels, places = layout
    size = math.prod(layout)
    logical, g = sample(size, dtype=dtype), sample(size, dtype=dtype, seed=1)
    plain, turned = (Draw(0.2, 0.4, torch.tensor(9), swapped=order) for order in (None, layout))
    flat, record = (1, 1, size), registry["rrelu"]

    def in_memory(tensor: Tensor) -> Tensor:
        return tensor.view(outer, channels, places).transpose(1, 2).reshape(-1)

    y, gx = torch.empty_like(logical), torch.empty_like(logical)
    signs = kernels.value(record, (plain,), flat, logical, y, True)
    assert signs is not None
    kernels.slope(record, (plain,), flat, "sign", signs, g, gx)
    x, found = inside(in_memory(logical), 3), inside(torch.full_like(y, math.nan), 1)
    found_signs = kernels.value(record, (turned,), flat, x, found, True)
    assert found_signs is not None
    assert found_signs.numel() == size // 8
    assert np.array_equal(np.unpackbits(found_signs.numpy(), bitorder="little")[:size], (x > 0).numpy())
    assert torch.equal(found, in_memory(y))
    given, found_g = inside(in_memory(g), 5), inside(torch.full_like(y, math.nan), 7)
    kernels.slope(record, (turned,), flat, "sign", found_signs, given, found_g)
    assert torch.equal(found_g, in_memory(gx))
    assert torch.equal(x, in_memory(logical))
    assert all(map(untouched, (x, found, given, found_g)))
    kernels.value(record, (turned,), flat, x, x, False)
    assert torch.equal(x, found)


def bent(x: Any, slope: Any) -> Any:
    """A quadratic with a random factor below 0."""
    return where(x > 0, x, slope * x * x)


def bent_slope(x: Any, slope: Any) -> Any:
    """Its derivative."""
    return where(x > 0, 1.0, 2.0 * slope * x)


def leaky(x: Any, slope: Any) -> Any:
    """Random on the left."""
    return where(x > 0, x, slope * x)


def leaky_slope(y: Any, slope: Any) -> Any:
    """Its derivative, by the output."""
    return where(y > 0, 1.0, slope)


SLOPE = Uniform(0.1, 0.3)
by_input = elementwise("by_input", bent, bent_slope, keeps="input", parameters={"slope": SLOPE}, kinks=[0.0])
by_output = elementwise(
    "by_output", leaky, leaky_slope, keeps="output", parameters={"slope": SLOPE}, kinks=[0.0]
)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("record", [by_input, by_output], ids=lambda record: record.name)
def test_activations_of_ones_own(record: Elementwise, dtype: torch.dtype) -> None:
    def function(x: Tensor) -> Tensor:
        return record.functional(x, training=True, generator=seeded(4))

    for shape in ((3, 24, 7, 7), (2, 40, 16, 16), (2, 12, 5, 5)):
        x, g = sample(*shape, dtype=dtype), sample(*shape, dtype=dtype, seed=1)
        assert equal(both(function, last(x), last(g)), both(function, x, g))


def test_divisors() -> None:
    module = nn.RReLU.from_divisors(3, 8)

    def function(x: Tensor) -> Tensor:
        module.generator = seeded(7)
        return module(x)

    x, g = sample(3, 24, 7, 7), sample(3, 24, 7, 7, seed=1)
    assert equal(both(function, last(x), last(g)), both(function, x, g))


def test_double_backward() -> None:
    """By the same slopes again, whichever way gradients lie."""
    x, g, v = (sample(3, 24, 5, 7, dtype=torch.float64, seed=seed) for seed in range(3))

    def twice(x: Tensor, g: Tensor) -> tuple[Tensor, ...]:
        with rectifiers.backend("numba"):
            leaf, given = (t.clone(memory_format=torch.preserve_format).requires_grad_() for t in (x, g))
            y = slopes(leaf)
            (gx,) = torch.autograd.grad(y, leaf, given, create_graph=True)
            (gg,) = torch.autograd.grad(gx, given, v)
        return y.detach(), gx.detach(), gg

    expected = twice(x, g)
    assert equal(twice(last(x), last(g)), expected)
    assert equal(twice(last(x), g), expected)
    torch.testing.assert_close(expected[2] * g, expected[1] * v)


@pytest.mark.parametrize("record", [by_input, by_output, registry["rrelu"]], ids=lambda record: record.name)
def test_nothing_is_copied(record: Elementwise, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernels see the tensors themselves, and a bit per element is a bit per element."""
    seen: list[Tensor] = []
    value, slope = NumbaKernels.value, NumbaKernels.slope

    def watched_value(*args: Any) -> Any:
        seen.extend((args[4], args[5]))
        found = value(*args)
        assert found is None or found.numel() == args[4].numel() // 8
        return found

    def watched_slope(*args: Any) -> Any:
        seen.append(args[6])
        return slope(*args)

    monkeypatch.setattr(NumbaKernels, "value", watched_value)
    monkeypatch.setattr(NumbaKernels, "slope", watched_slope)
    x, g = last(sample(3, 24, 7, 7)).requires_grad_(), last(sample(3, 24, 7, 7, seed=1))
    with rectifiers.backend("numba"):
        y = record.functional(x, training=True)
        torch.autograd.grad(y, x, g)
    assert [tensor.data_ptr() for tensor in seen] == [tensor.data_ptr() for tensor in (x, y, g)]


def test_the_stream_goes_on_beyond_32_bits() -> None:
    """Of a tensor far larger than memory the last image is there: addresses are shifted."""
    channels, places, outer = 8, 64, 2**31 + 5
    size = channels * places
    x, y = torch.full((size,), -1.0, dtype=torch.float64), torch.zeros(size, dtype=torch.float64)
    kernel = value_kernel(registry["rrelu"], ("draw",), torch.float64, False, False, True)
    words = dict.fromkeys(Word, 0) | {Word.NEXT: outer, Word.ITEMS: outer + 1, Word.SEED: 5, Word.BATCH: 1}
    words |= {Word.ROWS: places, Word.LENGTH: channels, Word.SEGMENT: channels, Word.SEGMENTS: 1}
    words |= {Word.HEIGHT: places, Word.PITCH: places, Word.CHANNELS: 1}
    words |= {Word.A: x.data_ptr() - 8 * outer * size, Word.B: y.data_ptr() - 8 * outer * size}
    run(kernel, packed(tuple(words.values()), (0.5, 1.0)), 1)
    flat = torch.full((size,), -1.0, dtype=torch.float64)
    kernel = value_kernel(registry["rrelu"], ("draw",), torch.float64, False, False)
    words = dict.fromkeys(Word, 0) | {Word.NEXT: outer, Word.ITEMS: outer + 1, Word.SEED: 5, Word.BATCH: 1}
    words |= {Word.ROWS: 1, Word.LENGTH: (outer + 1) * size, Word.SEGMENT: size, Word.SEGMENTS: outer + 1}
    words |= {Word.A: flat.data_ptr() - 8 * outer * size, Word.B: flat.data_ptr() - 8 * outer * size}
    run(kernel, packed(tuple(words.values()), (0.5, 1.0)), 1)
    assert torch.equal(y.view(places, channels).t(), flat.view(channels, places))
    assert len(y.unique()) > size // 2
