# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"
# (Triton's language has no types; its decorator reads the source of what it decorates.)
"""Kernels of Maxout, which joins pieces, and CReLU, which splits in two.

Bits are packed as in the flat kernels, in planes: plane b holds bit b of every winner, or one of CReLU's
two signs.
"""

from __future__ import annotations

import triton
import triton.language as tl

from rectifiers.backends.gpu.tiles import (
    first_of,
    is_positive,
    load,
    positions,
    quotient,
    store,
    store_as_it_is,
)
from rectifiers.backends.gpu.words import rounded, widened

__all__ = ["crelu_slope_kernel", "crelu_value_kernel", "maxout_slope_kernel", "maxout_value_kernel"]


@triton.jit
def _better(best, winner, candidate, piece):
    """The first of equals stays; a NaN goes before all numbers."""
    takes = (candidate > best) | ((candidate != candidate) & (best == best))
    return tl.where(takes, candidate, best), tl.where(takes, piece, winner)


@triton.jit
def _spread(winner, FROM: tl.constexpr, TO: tl.constexpr, WORD: tl.constexpr):
    """Bits `FROM` to `TO` of the winners, each in a byte of its own."""
    planes = tl.zeros(winner.shape, WORD)
    for b in tl.static_range(FROM, TO):
        planes |= ((winner >> b) & 1).to(WORD) << (8 * (b - FROM))
    return planes


@triton.jit
def _largest_of_neighbours(first, j, x_ptr, PIECES: tl.constexpr, SIZE: tl.constexpr, WIDE: tl.constexpr):
    """Pieces that are neighbours, 2 or 4: loaded in one, so that accesses stay wide."""
    start = (first + j * SIZE) * PIECES
    x = widened(tl.load(x_ptr + start + tl.arange(0, SIZE * PIECES)), WIDE)
    if PIECES == 2:
        left, right = tl.split(tl.reshape(x, (SIZE, 2)))
        best, winner = _better(left, tl.zeros([SIZE], tl.int32), right, 1)
    else:
        even, odd = tl.split(tl.reshape(x, (SIZE, 2, 2)))
        best_pair, winner_pair = _better(even, tl.zeros([SIZE, 2], tl.int32), odd, 1)
        left, right = tl.split(best_pair)
        of_left, of_right = tl.split(winner_pair)
        best, winner = _better(left, of_left, right, of_right + 2)
    return best, winner


@triton.jit
def _largest(
    where, mask, x_ptr, inner, PIECES: tl.constexpr, SIZE: tl.constexpr, WIDE: tl.constexpr,
    NARROW: tl.constexpr, FULL: tl.constexpr,
):  # fmt: skip
    start = where + quotient(where, inner, NARROW) * inner * (PIECES - 1)
    best = widened(load(x_ptr, start, mask, FULL), WIDE)
    winner = tl.zeros([SIZE], tl.int32)
    if PIECES <= 4:
        for piece in tl.static_range(1, PIECES):
            other = widened(load(x_ptr, start + piece * inner, mask, FULL), WIDE)
            best, winner = _better(best, winner, other, piece)
    else:
        for piece in range(1, PIECES):
            other = widened(load(x_ptr, start + piece * inner, mask, FULL), WIDE)
            best, winner = _better(best, winner, other, piece)
    return best, winner


@triton.jit
def _maxout_value(
    first, j, low, high, x_ptr, y_ptr, n, inner, PIECES: tl.constexpr, BITS: tl.constexpr,
    SIZE: tl.constexpr, WIDE: tl.constexpr, NARROW: tl.constexpr, FULL: tl.constexpr, JOINT: tl.constexpr,
):  # fmt: skip
    where = positions(first, j, 1, SIZE)
    mask = where < n
    if JOINT:
        best, winner = _largest_of_neighbours(first, j, x_ptr, PIECES, SIZE, WIDE)
    else:
        best, winner = _largest(where, mask, x_ptr, inner, PIECES, SIZE, WIDE, NARROW, FULL)
    store(y_ptr, where, best, mask, FULL)
    word: tl.constexpr = low.dtype
    return low | (_spread(winner, 0, min(BITS, 8), word) << j), high | (_spread(winner, 8, BITS, word) << j)


@triton.jit
def maxout_value_kernel(
    x_ptr, y_ptr, bits_ptr, n, inner, plane, PIECES: tl.constexpr, BITS: tl.constexpr, JOINT: tl.constexpr,
    SIZE: tl.constexpr, WIDE: tl.constexpr, NARROW: tl.constexpr,
):  # fmt: skip
    """The largest of the pieces of `n` outputs, and in `BITS` planes which it was."""
    first = first_of(tl.program_id(0), SIZE)
    word: tl.constexpr = tl.int32 if BITS <= 4 else tl.int64
    low = tl.zeros([SIZE], word)
    high = tl.zeros([SIZE], word)
    if first + 8 * SIZE <= n:
        for j in range(8):
            low, high = _maxout_value(
                first, j, low, high, x_ptr, y_ptr, n, inner, PIECES, BITS, SIZE, WIDE, NARROW, True, JOINT
            )  # fmt: skip
    else:
        for j in range(8):
            low, high = _maxout_value(
                first, j, low, high, x_ptr, y_ptr, n, inner, PIECES, BITS, SIZE, WIDE, NARROW, False, False
            )  # fmt: skip
    place = first // 8 + tl.arange(0, SIZE)
    for b in tl.static_range(BITS):
        planes = low >> (8 * b) if b < 8 else high >> (8 * (b - 8))
        tl.store(bits_ptr + b * plane + place, (planes & 0xFF).to(tl.uint8))


@triton.jit
def _maxout_slope(
    first, j, bits_ptr, g_ptr, gx_ptr, n, inner, plane, PIECES: tl.constexpr, BITS: tl.constexpr,
    JOINT: tl.constexpr, SIZE: tl.constexpr, WIDE: tl.constexpr, NARROW: tl.constexpr, FULL: tl.constexpr,
):  # fmt: skip
    """Each output has a place in every piece, a neighbouring one if `JOINT`."""
    where = positions(first, j, 1, SIZE)
    mask = where < n
    g = widened(load(g_ptr, where, mask, FULL), WIDE)
    winner = tl.zeros([SIZE], tl.int32)
    for b in tl.static_range(BITS):
        planes = tl.load(bits_ptr + b * plane + first // 8 + tl.arange(0, SIZE)).to(tl.int32)
        winner |= ((planes >> j) & 1) << b
    if JOINT:
        left, right = tl.where(winner == 0, g, 0.0), tl.where(winner == 1, g, 0.0)
        if PIECES == 2:
            spread = tl.reshape(tl.join(left, right), (2 * SIZE,))
        else:
            even = tl.join(left, tl.where(winner == 2, g, 0.0))
            odd = tl.join(right, tl.where(winner == 3, g, 0.0))
            spread = tl.reshape(tl.join(even, odd), (4 * SIZE,))
        place = first * PIECES + j * SIZE * PIECES + tl.arange(0, SIZE * PIECES)
        store(gx_ptr, place, spread, place < n * PIECES, FULL)
    else:
        start = where + quotient(where, inner, NARROW) * inner * (PIECES - 1)
        for piece in range(PIECES):
            store(gx_ptr, start + piece * inner, tl.where(winner == piece, g, 0.0), mask, FULL)


@triton.jit
def maxout_slope_kernel(
    bits_ptr, g_ptr, gx_ptr, n, inner, plane, PIECES: tl.constexpr, BITS: tl.constexpr, JOINT: tl.constexpr,
    SIZE: tl.constexpr, WIDE: tl.constexpr, NARROW: tl.constexpr,
):  # fmt: skip
    """The gradient of the inputs of `n` outputs: g where the winner is, 0 elsewhere."""
    first = first_of(tl.program_id(0), SIZE)
    if first + 8 * SIZE <= n:
        for j in range(8):
            _maxout_slope(
                first, j, bits_ptr, g_ptr, gx_ptr, n, inner, plane,
                PIECES, BITS, JOINT, SIZE, WIDE, NARROW, True,
            )  # fmt: skip
    else:
        for j in range(8):
            _maxout_slope(
                first, j, bits_ptr, g_ptr, gx_ptr, n, inner, plane,
                PIECES, BITS, JOINT, SIZE, WIDE, NARROW, False,
            )  # fmt: skip


@triton.jit
def _crelu_value(
    first, j, positive, negative, x_ptr, y_ptr, n, length,
    SIZE: tl.constexpr, WIDE: tl.constexpr, NARROW: tl.constexpr, FULL: tl.constexpr,
):  # fmt: skip
    where = positions(first, j, 1, SIZE)
    mask = where < n
    narrow = load(x_ptr, where, mask, FULL)
    x = widened(narrow, WIDE)
    half = where + quotient(where, length, NARROW) * length
    # Chosen before it is rounded, LLVM would make a maximum of it, which takes -0 for 0.
    minus = rounded(x * -1.0, narrow.dtype)
    store_as_it_is(y_ptr, half, tl.where(x < 0, 0.0, narrow), mask, FULL)
    store_as_it_is(y_ptr, half + length, tl.where(x > 0, 0.0, minus), mask, FULL)
    above, below = is_positive(x, True), is_positive(x * -1.0, True)
    return positive | (above.to(tl.int32) << j), negative | (below.to(tl.int32) << j)


@triton.jit
def crelu_value_kernel(
    x_ptr, y_ptr, bits_ptr, n, length, plane, KEEP: tl.constexpr,
    SIZE: tl.constexpr, WIDE: tl.constexpr, NARROW: tl.constexpr,
):  # fmt: skip
    """The positive and the negative part of `n` inputs, and in two planes their signs if `KEEP`."""
    first = first_of(tl.program_id(0), SIZE)
    positive = tl.zeros([SIZE], tl.int32)
    negative = tl.zeros([SIZE], tl.int32)
    if first + 8 * SIZE <= n:
        for j in tl.static_range(8):
            positive, negative = _crelu_value(
                first, j, positive, negative, x_ptr, y_ptr, n, length, SIZE, WIDE, NARROW, True
            )  # fmt: skip
    else:
        for j in range(8):
            positive, negative = _crelu_value(
                first, j, positive, negative, x_ptr, y_ptr, n, length, SIZE, WIDE, NARROW, False
            )  # fmt: skip
    if KEEP:
        place = bits_ptr + first // 8 + tl.arange(0, SIZE)
        tl.store(place, positive.to(tl.uint8))
        tl.store(place + plane, negative.to(tl.uint8))


@triton.jit
def _crelu_slope(
    first, j, positive, negative, g_ptr, gx_ptr, n, length,
    SIZE: tl.constexpr, WIDE: tl.constexpr, NARROW: tl.constexpr, FULL: tl.constexpr,
):  # fmt: skip
    where = positions(first, j, 1, SIZE)
    mask = where < n
    half = where + quotient(where, length, NARROW) * length
    above = widened(load(g_ptr, half, mask, FULL), WIDE)
    below = widened(load(g_ptr, half + length, mask, FULL), WIDE)
    above = tl.where(((positive >> j) & 1) == 1, above, 0.0)
    below = tl.where(((negative >> j) & 1) == 1, below, 0.0)
    store(gx_ptr, where, above - below, mask, FULL)


@triton.jit
def crelu_slope_kernel(
    bits_ptr, g_ptr, gx_ptr, n, length, plane,
    SIZE: tl.constexpr, WIDE: tl.constexpr, NARROW: tl.constexpr,
):  # fmt: skip
    """The gradient of `n` inputs from those of both parts."""
    first = first_of(tl.program_id(0), SIZE)
    place = bits_ptr + first // 8 + tl.arange(0, SIZE)
    positive = tl.load(place).to(tl.int32)
    negative = tl.load(place + plane).to(tl.int32)
    if first + 8 * SIZE <= n:
        for j in tl.static_range(8):
            _crelu_slope(first, j, positive, negative, g_ptr, gx_ptr, n, length, SIZE, WIDE, NARROW, True)
    else:
        for j in range(8):
            _crelu_slope(first, j, positive, negative, g_ptr, gx_ptr, n, length, SIZE, WIDE, NARROW, False)
