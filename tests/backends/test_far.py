"""Elements beyond the 2^31st: a task describes a tensor far larger than memory, and a window of it is there.

Addresses are shifted so that the window's elements are the far ones; all arithmetic on the way is exercised.
"""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from rectifiers.activations import registry
from rectifiers.backends.cpu import crelu, elementwise, maxout
from rectifiers.backends.cpu.launch import start
from rectifiers.backends.cpu.strips import Word, compiled

WINDOW = 192  # elements: three segments of 64
FAR = (2**31, 2**32 + 64, 2**40)  # the first of them


def sample(size: int, seed: int = 0) -> Tensor:
    return torch.randn(size, generator=torch.Generator().manual_seed(seed)) * 4


def empty(size: int) -> Tensor:
    return torch.full((size,), math.nan)


def bits(size: int) -> Tensor:
    return torch.zeros(size, dtype=torch.uint8)


def far(tensor: Tensor, first: int) -> int:
    """The address element 0 would have if the window began with element `first`."""
    return tensor.data_ptr() - first * tensor.element_size()


def do(
    kernel: int, items: tuple[int, int], parameters: tuple[float | Tensor, ...] = (), **words: int
) -> None:
    """Run the items from the first to before the last; words that are not given are 0, counts 1."""
    ones = (Word.BATCH, Word.SEGMENTS, Word.BLOCK, Word.CHANNELS)
    values = {word: int(word in ones) for word in Word if word != Word.PARAMETERS}
    values |= {Word.NEXT: items[0], Word.ITEMS: items[1]}
    values |= {Word[name.upper()]: value for name, value in words.items()}
    start(kernel, tuple(values.values()), parameters, 1)


def in_one_row(first: int) -> dict[str, Any]:
    """A row that ends with the window, in segments of 64 elements."""
    length = first + WINDOW - 3
    return {"rows": 1, "length": length, "segment": 64, "segments": -(-length // 64)}


@pytest.mark.parametrize("first", FAR)
def test_values_and_gradients_of_a_long_row(first: int) -> None:
    x, g, y, gx, signs = sample(WINDOW), sample(WINDOW, 1), empty(WINDOW), empty(WINDOW), bits(WINDOW // 8)
    kernel = compiled(elementwise.value, registry["leaky_relu"], ("number",), torch.float32, False, True)
    items, row = (first // 64, first // 64 + 3), in_one_row(first)
    do(kernel, items, (0.5,), a=far(y, first), b=far(x, first), c=far(signs, first // 8), **row)
    kernel = compiled(elementwise.slope, registry["leaky_relu"], ("number",), torch.float32, False, "sign")
    do(kernel, items, (0.5,), a=far(gx, first), b=far(g, first), c=far(signs, first // 8), **row)
    inside = slice(WINDOW - 3)
    assert torch.equal(y[inside], torch.where(x > 0, x, 0.5 * x)[inside])
    assert torch.equal(gx[inside], torch.where(x > 0, g, 0.5 * g)[inside])
    assert y[WINDOW - 3 :].isnan().all()
    assert gx[WINDOW - 3 :].isnan().all()


@pytest.mark.parametrize("first", FAR)
def test_prelu_in_many_rows(first: int) -> None:
    """Rows of 100 elements in two segments, three channels."""
    length, channels, rows = 100, 3, 4
    x, g = sample(rows * length), sample(rows * length, 1)
    y, gx, weight = empty(rows * length), empty(rows * length), sample(channels, 2)
    sums = torch.full((2 * rows,), math.nan, dtype=torch.float64)
    words = {"rows": first + rows, "length": length, "segment": 64, "segments": 2, "channels": channels}
    items, at = (2 * first, 2 * (first + rows)), first * length
    kernel = compiled(elementwise.value, registry["prelu"], ("channels",), torch.float32, False, False)
    do(kernel, items, (weight,), a=far(y, at), b=far(x, at), **words)
    kernel = compiled(elementwise.slope, registry["prelu"], ("channels",), torch.float32, False, "input")
    pointers = {"a": far(gx, at), "b": far(g, at), "c": far(x, at), "d": far(sums, 2 * first)}
    do(kernel, items, (weight,), **pointers, **words)
    slope = weight[(torch.arange(rows) + first) % channels].repeat_interleave(length)
    assert torch.equal(y, torch.where(x > 0, x, slope * x))
    assert torch.equal(gx, torch.where(x > 0, g, slope * g))
    by_row = (g.double() * x.double().clamp(max=0)).view(rows, length).sum(dim=1)
    torch.testing.assert_close(sums.view(rows, 2).sum(dim=1), by_row, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("first", FAR)
def test_prelu_across_many_rows(first: int) -> None:
    """Blocks of 8 rows of 13 channels."""
    channels, blocks, size = 13, 3, 8
    rows = blocks * size
    first -= first % size
    x, g = sample(rows * channels), sample(rows * channels, 1)
    y, gx, weight = empty(rows * channels), empty(rows * channels), sample(channels, 2)
    sums = torch.zeros(blocks, 16, dtype=torch.float64)  # whole vectors
    words = {"rows": first + rows, "length": channels, "segment": channels, "channels": channels}
    words |= {"block": size}
    items, at = (first // size, first // size + blocks), first * channels
    kernel = compiled(elementwise.value, registry["prelu"], ("channels",), torch.float32, True, False)
    do(kernel, items, (weight,), a=far(y, at), b=far(x, at), **words)
    kernel = compiled(elementwise.slope, registry["prelu"], ("channels",), torch.float32, True, "input")
    pointers = {"a": far(gx, at), "b": far(g, at), "c": far(x, at), "d": far(sums, first // size * 16)}
    do(kernel, items, (weight,), **pointers, **words)
    slope = weight.repeat(rows)
    assert torch.equal(y, torch.where(x > 0, x, slope * x))
    assert torch.equal(gx, torch.where(x > 0, g, slope * g))
    by_block = (g.double() * x.double().clamp(max=0)).view(blocks, size, channels).sum(dim=1)
    torch.testing.assert_close(sums[:, :channels], by_block, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("first", FAR)
def test_maxout_of_pieces_side_by_side(first: int) -> None:
    pieces = 3
    x, g, y = sample(WINDOW * pieces), sample(WINDOW, 1), empty(WINDOW)
    gx, winners = empty(WINDOW * pieces), bits(WINDOW // 8 * 2)
    items, row = (first // 64, first // 64 + 3), in_one_row(first + 3)
    at = first // 8 * 2
    kernel = compiled(maxout.value, torch.float32, pieces, True, True)
    do(kernel, items, a=far(y, first), b=far(x, pieces * first), c=far(winners, at), **row)
    kernel = compiled(maxout.slope, torch.float32, pieces, True)
    do(kernel, items, a=far(gx, pieces * first), b=far(g, first), c=far(winners, at), **row)
    best = x.view(WINDOW, pieces).max(dim=1, keepdim=True)
    assert torch.equal(y, best.values[:, 0])
    expected = torch.zeros(WINDOW, pieces).scatter_(1, best.indices, g[:, None])
    assert torch.equal(gx.view(WINDOW, pieces), expected)


@pytest.mark.parametrize("first", FAR)
def test_maxout_of_pieces_a_row_apart(first: int) -> None:
    pieces, rows, length = 3, 2, 100
    x, g, y = sample(rows * pieces * length), sample(rows * length, 1), empty(rows * length)
    gx, winners = empty(rows * pieces * length), bits(rows * 13 * 2)
    words = {"rows": first + rows, "length": length, "segment": 64, "segments": 2}
    items = (2 * first, 2 * (first + rows))
    wide, narrow, at = first * pieces * length, first * length, first * 13 * 2
    kernel = compiled(maxout.value, torch.float32, pieces, False, True)
    do(kernel, items, a=far(y, narrow), b=far(x, wide), c=far(winners, at), **words)
    kernel = compiled(maxout.slope, torch.float32, pieces, False)
    do(kernel, items, a=far(gx, wide), b=far(g, narrow), c=far(winners, at), **words)
    best = x.view(rows, pieces, length).max(dim=1, keepdim=True)
    assert torch.equal(y, best.values.reshape(-1))
    expected = torch.zeros(rows, pieces, length).scatter_(1, best.indices, g.view(rows, 1, length))
    assert torch.equal(gx, expected.reshape(-1))


@pytest.mark.parametrize("first", FAR)
def test_crelu_of_many_rows(first: int) -> None:
    rows, length = 2, 100
    x, g, y = sample(rows * length), sample(2 * rows * length, 1), empty(2 * rows * length)
    gx, signs = empty(rows * length), bits(rows * 13 * 2)
    words = {"rows": first + rows, "length": length, "segment": 64, "segments": 2}
    items, at = (2 * first, 2 * (first + rows)), first * length
    kernel = compiled(crelu.value, torch.float32, True)
    do(kernel, items, a=far(y, 2 * at), b=far(x, at), c=far(signs, first * 13 * 2), **words)
    kernel = compiled(crelu.slope, torch.float32)
    do(kernel, items, a=far(gx, at), b=far(g, 2 * at), c=far(signs, first * 13 * 2), **words)
    split = x.view(rows, length)
    assert torch.equal(y.view(rows, 2, length), torch.stack((split.relu(), (-split).relu()), 1))
    up, down = g.view(rows, 2, length).unbind(1)
    assert torch.equal(gx.view(rows, length), torch.where(split > 0, up, -down))
