"""The random slopes of RReLU: the documented stream, and that it looks random whichever way it is read."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import stats
from torch import Tensor

from rectifiers import nn
from rectifiers.activations import Learned, Uniform, elementwise, registry
from rectifiers.backends import using
from rectifiers.backends._arguments import Random
from rectifiers.backends._kernels import Draw
from rectifiers.backends.cpu import elementwise as strips_of
from rectifiers.backends.cpu import kernels
from rectifiers.backends.cpu.launch import start
from rectifiers.backends.cpu.strips import Word, compiled
from rectifiers.functional import rrelu
from rectifiers.vocabulary import where

SEEDS = (0, 1, 2**31, 2**32 - 1, 2**32, 0x299F31D0A4093822, 2**63 - 2)
LOWEST_P = 1e-4  # seeds are fixed: what passes once always passes


def splitmix(seed: int, index: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64 from the paper (Steele, Lea & Flood 2014): its words of these numbers, from 0 on."""
    z = np.uint64(seed) + (index + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ z >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ z >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return z ^ z >> np.uint64(31)


def stream(seed: int, n: int) -> NDArray[np.uint64]:
    """Sixteen bits for each of the first n elements."""
    return stream_at(seed, np.arange(n, dtype=np.uint64))


def stream_at(seed: int, element: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Sixteen bits per element, as `Draw` documents them."""
    word = splitmix(seed, element // np.uint64(4))
    return word >> element % np.uint64(4) * np.uint64(16) & np.uint64(0xFFFF)


def slopes(draw: Draw, n: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """What the kernels draw: the value at -1, with its sign turned."""
    x = torch.full((n,), -1.0, dtype=dtype)
    kernels.value(registry["rrelu"], (draw,), (1, 1, n), x, x, False)
    return -x


def bits(seed: int, n: int, start: int = 0) -> NDArray[np.int64]:
    """The stream as the kernels draw it: a slope of k + 1/2 is exact in float32."""
    found = slopes(Draw(0.0, 65536.0, torch.tensor(seed)), start + n).numpy()[start:]
    assert np.array_equal(found % 1, np.full(n, 0.5))
    return found.astype(np.int64)


@pytest.fixture
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_kernels_give_the_known_answers() -> None:
    """The first words of SplitMix64 for the seed 1234567, as other implementations print them."""
    k = bits(1234567, 20).reshape(5, 4)
    words = [sum(int(part) << 16 * place for place, part in enumerate(row)) for row in k]
    assert words == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("n", [1, 7, 63, 65, 1000, 100003])
def test_kernels_draw_the_documented_stream(n: int, seed: int) -> None:
    assert np.array_equal(bits(seed, n), stream(seed, n))


@pytest.mark.parametrize("bounds", [(1 / 8, 1 / 3), (-0.5, 0.7), (0.25, 0.25)])
@pytest.mark.parametrize("reciprocal", [False, True])
def test_slopes_are_the_stream_between_the_bounds(reciprocal: bool, bounds: tuple[float, float]) -> None:
    draw = Draw(*bounds, torch.tensor(77), reciprocal)
    number = np.float32
    k = stream(77, 10000).astype(number)
    expected = number(draw.base) + number(draw.step) * k
    expected = 1 / expected if reciprocal else expected
    assert np.array_equal(slopes(draw, 10000).numpy(), expected)
    lower, upper = bounds
    assert draw.base == lower + (upper - lower) / 2**17
    assert draw.step == (upper - lower) / 2**16


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_half_types_take_the_slopes_of_float32(dtype: torch.dtype) -> None:
    draw = Draw(1 / 8, 1 / 3, torch.tensor(5))
    assert torch.equal(slopes(draw, 5000, dtype), slopes(draw, 5000, torch.float32).to(dtype))


@pytest.mark.usefixtures("threads")
def test_any_number_of_threads_draws_the_same() -> None:
    expected = stream(3, 300007)
    for count in (1, 2, 3):
        torch.set_num_threads(count)
        assert np.array_equal(bits(3, 300007), expected)


def test_numbers_go_by_logical_order_whatever_the_strides() -> None:
    x = -torch.rand(6, 10, 4, 9, generator=torch.Generator().manual_seed(0)) - 0.1
    views = [
        x,
        x.to(memory_format=torch.channels_last),
        x.permute(3, 0, 2, 1).contiguous().permute(1, 3, 2, 0),
        torch.stack((x, x), -1)[..., 1],
        torch.cat((x, x), 1)[:, 10:],
    ]
    with using("llvm"):
        for view in views:
            leaf = view.clone(memory_format=torch.preserve_format).requires_grad_()
            y = rrelu(leaf, 0.0, 65536.0, training=True, generator=torch.Generator().manual_seed(4))
            (back,) = torch.autograd.grad(y, leaf, torch.ones_like(y))
            seed = int(torch.randint(2**63 - 1, (), generator=torch.Generator().manual_seed(4)))
            expected = (stream(seed, x.numel()) + 0.5).astype(np.float32).reshape(x.shape)
            assert np.array_equal(back.numpy(), expected)
            assert np.array_equal(y.detach().numpy(), (x.numpy() * expected))
            assert y.stride() == torch.empty_like(leaf).stride()


def bent(x: Any, slope: Any) -> Any:
    """A parabola below 0."""
    return where(x > 0, x, slope * x * x)


def bent_slope(x: Any, slope: Any) -> Any:
    """Its derivative."""
    return where(x > 0, 1.0, 2.0 * slope * x)


bent_at_random = elementwise(
    "bent_at_random",
    bent,
    bent_slope,
    keeps="input",
    parameters={"slope": Uniform(0.1, 0.3)},
    kinks=[0.0],
)


@pytest.mark.parametrize("form", [torch.contiguous_format, torch.channels_last], ids=str)
def test_an_activation_of_ones_own_draws_again_for_every_derivative(form: torch.memory_format) -> None:
    """Of its input, which no result may overwrite."""
    x, g, v = torch.randn(3, 2, 5, 3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = []
    for name in ("llvm", "torch"):
        with using(name):
            leaf = x.to(memory_format=form, copy=True).requires_grad_()
            y = bent_at_random.functional(leaf, training=True, generator=torch.Generator().manual_seed(1))
            (plain,) = torch.autograd.grad(y, leaf, g, retain_graph=True)
            (gx,) = torch.autograd.grad(y, leaf, g, create_graph=True)
            (gxx,) = torch.autograd.grad(gx, leaf, v)
        assert torch.equal(plain, gx)
        found.append((y.detach(), plain, gxx))
    below = x < 0
    assert (found[0][2] == 0).sum() == (~below).sum()
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-15, atol=0)


def scaled(x: Any, weight: Any, slope: Any) -> Any:
    """A learned and a random factor below 0."""
    return where(x > 0, x, weight * slope * x)


def scaled_slope(x: Any, weight: Any, slope: Any) -> Any:
    """Its derivative."""
    return where(x > 0, 1.0, weight * slope)


def scaled_by_weight(x: Any, weight: Any, slope: Any) -> Any:
    """Its derivative by the learned factor."""
    return where(x > 0, 0.0, slope * x)


scaled_at_random = elementwise(
    "scaled_at_random",
    scaled,
    scaled_slope,
    keeps="input",
    parameters={"weight": Learned(0.5, scaled_by_weight), "slope": Uniform(0.1, 0.3)},
    kinks=[0.0],
)


@pytest.mark.parametrize("form", [torch.contiguous_format, torch.channels_last], ids=str)
@pytest.mark.parametrize("dim", [1, -1])
@pytest.mark.parametrize("shared", [False, True])
def test_learned_and_random_parameters_in_any_layout(
    shared: bool, dim: int, form: torch.memory_format
) -> None:
    shape = (2, 8, 5, 9)
    x, g = torch.randn(2, *shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    weight = torch.linspace(0.5, 2, 1 if shared else shape[dim], dtype=torch.float64)
    found = []
    for name in ("llvm", "torch"):
        with using(name):
            leaf, w = x.to(memory_format=form, copy=True).requires_grad_(), weight.clone().requires_grad_()
            source = torch.Generator().manual_seed(1)
            y = scaled_at_random.functional(leaf, w, dim=dim, training=True, generator=source)
            found.append((y.detach(), *torch.autograd.grad(y, (leaf, w), g)))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-14, atol=1e-14)


@functools.cache
def long_stream(seed: int = 20260101) -> NDArray[np.int64]:
    return bits(seed, 1 << 20)


def correlation(a: NDArray[np.int64], b: NDArray[np.int64]) -> float:
    """In standard deviations of what independent numbers show."""
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).mean() / (a.std() * b.std()) * math.sqrt(a.size))


def test_numbers_are_uniform() -> None:
    k = long_stream()
    assert stats.kstest((k + 0.5) / 65536, "uniform").pvalue > LOWEST_P
    counts = np.bincount(k, minlength=65536)
    assert stats.chisquare(counts).pvalue > LOWEST_P
    assert stats.chisquare(counts).pvalue < 1 - LOWEST_P  # nor evener than chance
    assert counts.size == 65536


def test_every_bit_is_a_fair_coin() -> None:
    k = long_stream()
    for place in range(16):
        ones = int((k >> place & 1).sum())
        assert stats.binomtest(ones, k.size).pvalue > LOWEST_P


def test_low_and_high_bits_are_independent() -> None:
    k = long_stream()
    table = np.bincount((k >> 8) * 256 + (k & 255), minlength=65536).reshape(256, 256)
    assert stats.chi2_contingency(table).pvalue > LOWEST_P
    assert abs(correlation(k >> 8, k & 255)) < 4


def test_no_lag_shows_a_correlation() -> None:
    """Up to 4096, over the lags at which a block, a lane or a counter repeats."""
    k = long_stream()
    centred = k - k.mean()
    power = np.abs(np.fft.rfft(centred, 2 * k.size)) ** 2
    covariance = np.fft.irfft(power)[1:4097]
    overlap = k.size - np.arange(1, 4097)
    found = covariance / centred.var() / np.sqrt(overlap)
    assert np.abs(found).max() < stats.norm.isf(LOWEST_P / 8192)
    assert stats.kstest(found, "norm").pvalue > LOWEST_P
    for lag in (1, 7, 8, 16, 32, 56, 63, 64, 512, 4096, 65536):
        assert abs(correlation(k[lag:], k[:-lag])) < 4


def test_the_spectrum_is_flat() -> None:
    k = long_stream()
    power = np.abs(np.fft.rfft(k - k.mean()))[1:-1] ** 2
    power /= k.var() * k.size
    assert stats.kstest(power, "expon").pvalue > LOWEST_P
    assert power.max() < -math.log(LOWEST_P / power.size)
    bands = power[: power.size // 64 * 64].reshape(64, -1)
    deviations = (bands.mean(axis=1) - 1) * math.sqrt(bands.shape[1])
    assert stats.chi2.sf((deviations**2).sum(), 64) > LOWEST_P


@pytest.mark.parametrize("distance", [1, 8, 64])
def test_pairs_fill_the_square(distance: int) -> None:
    k = long_stream() >> 8
    pairs = k.reshape(-1, 2 * distance)
    cells = pairs[:, :distance] * 256 + pairs[:, distance:]
    assert stats.chisquare(np.bincount(cells.ravel(), minlength=65536)).pvalue > LOWEST_P


@pytest.mark.parametrize("seed", [0, 12345, 2**40 + 7])
def test_seeds_next_to_each_other_have_nothing_in_common(seed: int) -> None:
    k = bits(seed, 1 << 16)
    others = [seed + 1, seed + 2, *(seed ^ 1 << place for place in range(1, 63, 3))]
    for other in others:
        found = bits(other, 1 << 16)
        assert abs(correlation(k, found)) < 4.5
        flipped = np.bincount(k ^ found, minlength=65536)
        assert stats.chisquare(flipped).pvalue > LOWEST_P
        # where one seed's stream is another's, a little further on
        assert not any(np.array_equal(k[lag : lag + 64], found[:64]) for lag in range(8))


def test_offsets_of_one_stream_have_nothing_in_common() -> None:
    first, later = bits(9, 1 << 16), bits(9, 1 << 16, start=1 << 20)
    assert abs(correlation(first, later)) < 4
    assert stats.kstest((later + 0.5) / 65536, "uniform").pvalue > LOWEST_P


def test_seeds_of_the_generator_are_all_different() -> None:
    generator = torch.Generator().manual_seed(0)
    seeds = {int(Random(0.0, 1.0, generator).seed(torch.device("cpu"))) for _ in range(1000)}
    assert len(seeds) == 1000
    assert max(seeds).bit_length() > 60


@pytest.mark.parametrize("inplace", [False, True])
def test_backward_uses_the_slopes_of_forward(inplace: bool) -> None:
    x = torch.randn(40, 1013, generator=torch.Generator().manual_seed(5))
    leaf = x.clone().requires_grad_()
    with using("llvm"):
        y = rrelu(leaf * 1, training=True, inplace=inplace, generator=torch.Generator().manual_seed(6))
        (back,) = torch.autograd.grad(y, leaf, torch.ones_like(y))
    assert torch.equal(back * x, y)
    assert len(back[x < 0].unique()) > 10000
    assert (back[x > 0] == 1).all()


def test_a_module_from_divisors_draws_divisors() -> None:
    module = nn.RReLU.from_divisors(3, 8, generator=torch.Generator().manual_seed(7))
    x = torch.full((100000,), -1.0, requires_grad=True)
    with using("llvm"):
        y = module(x)
        (back,) = torch.autograd.grad(y, x, torch.ones_like(y))
    assert torch.equal(back, -y)
    divisors = (1 / back).numpy()
    assert divisors.min() > 3
    assert divisors.max() < 8
    assert stats.kstest(divisors, "uniform", (3, 5)).pvalue > LOWEST_P
    seed = int(torch.randint(2**63 - 1, (), generator=torch.Generator().manual_seed(7)))
    k = stream(seed, 100000).astype(np.float32)
    assert np.array_equal(back.numpy(), 1 / (np.float32(3 + 5 / 2**17) + np.float32(5 / 2**16) * k))
    with using("torch"):
        divisors = (-1 / module(x)).detach().numpy()
    assert stats.kstest(divisors, "uniform", (3, 5)).pvalue > LOWEST_P
    with using("llvm"):
        assert torch.equal(module.eval()(x), x * (2 / 11))


@pytest.mark.parametrize("first", [2**31, 2**40 + 64])
def test_the_stream_goes_on_beyond_32_bits(first: int) -> None:
    """Of a tensor far larger than memory the last 128 elements are there: addresses are shifted."""
    window = 128
    x, y = torch.full((window,), -1.0), torch.zeros(window)
    kernel = compiled(strips_of.value, registry["rrelu"], ("draw",), torch.float32, False, False)
    length, items = first + window, (first + window) // 64
    words = dict.fromkeys([word for word in Word if word != Word.PARAMETERS], 0)
    words |= {Word.NEXT: items - 2, Word.ITEMS: items, Word.SEED: 5}
    words |= {Word.BATCH: 1, Word.BLOCK: 1, Word.ROWS: 1, Word.CHANNELS: 1, Word.LENGTH: length}
    words |= {Word.SEGMENT: 64, Word.SEGMENTS: items}
    words |= {Word.A: y.data_ptr() - 4 * first, Word.B: x.data_ptr() - 4 * first}
    start(kernel, tuple(words.values()), (0.5, 1.0), 1)
    element = np.arange(first, first + window, dtype=np.uint64)
    assert np.array_equal(-y.numpy() - 0.5, stream_at(5, element))
