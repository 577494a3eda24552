# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"
# (Triton's language has no types; its decorator reads the source of what it decorates.)
"""Kernels of Maxout, which joins pieces, and CReLU, which splits in two.

Bits are packed in planes: plane b holds bit b of every winner, or one of CReLU's two signs. `inner` and
`length` are the distance of neighbouring pieces, and of the halves.
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
    rounded,
    store,
    widened,
    write,
)

__all__ = ["crelu_slope_kernel", "crelu_value_kernel", "maxout_slope_kernel", "maxout_value_kernel"]


@triton.jit
def _better(best, winner, candidate, piece):
    """The first of equals stays; a NaN goes before all numbers."""
    takes = (candidate > best) | ((candidate != candidate) & (best == best))
    return tl.where(takes, candidate, best), tl.where(takes, piece, winner)


@triton.jit
def _maxout_value(
    first, j, planes, x_ptr, y_ptr, n, inner, PIECES: tl.constexpr, BITS: tl.constexpr, JOINT: tl.constexpr,
    SIZE: tl.constexpr, NARROW: tl.constexpr, FULL: tl.constexpr,
):  # fmt: skip
    where = positions(first, j, SIZE)
    mask = where < n
    winner = tl.zeros([SIZE], tl.int32)
    if JOINT and FULL:  # two neighbours, loaded in one, so that accesses stay wide
        both = widened(tl.load(x_ptr + (first + j * SIZE) * 2 + tl.arange(0, SIZE * 2)))
        best, other = tl.split(tl.reshape(both, (SIZE, 2)))
        best, winner = _better(best, winner, other, 1)
    else:
        start = where + quotient(where, inner, NARROW) * inner * (PIECES - 1)
        best = widened(load(x_ptr, start, mask, FULL))
        for piece in range(1, PIECES):
            other = widened(load(x_ptr, start + piece * inner, mask, FULL))
            best, winner = _better(best, winner, other, piece)
    store(y_ptr, where, best, mask, FULL)
    for b in tl.static_range(BITS):  # each in a byte of its own
        planes |= ((winner >> b) & 1).to(tl.int64) << (8 * b + j)
    return planes


@triton.jit
def maxout_value_kernel(
    x_ptr, y_ptr, bits_ptr, n, inner, plane, PIECES: tl.constexpr, BITS: tl.constexpr, JOINT: tl.constexpr,
    SIZE: tl.constexpr, NARROW: tl.constexpr,
):  # fmt: skip
    """The largest of the pieces of `n` outputs, and in `BITS` planes, 8 at most, which it was."""
    first = first_of(tl.program_id(0), SIZE)
    planes = tl.zeros([SIZE], tl.int64)
    if first + 8 * SIZE <= n:
        for j in range(8):
            planes = _maxout_value(
                first, j, planes, x_ptr, y_ptr, n, inner, PIECES, BITS, JOINT, SIZE, NARROW, True
            )  # fmt: skip
    else:
        for j in range(8):
            planes = _maxout_value(
                first, j, planes, x_ptr, y_ptr, n, inner, PIECES, BITS, JOINT, SIZE, NARROW, False
            )  # fmt: skip
    for b in tl.static_range(BITS):
        place = bits_ptr + b * plane + first // 8 + tl.arange(0, SIZE)
        tl.store(place, ((planes >> (8 * b)) & 0xFF).to(tl.uint8))


@triton.jit
def _maxout_slope(
    first, j, bits_ptr, g_ptr, gx_ptr, n, inner, plane, PIECES: tl.constexpr, BITS: tl.constexpr,
    JOINT: tl.constexpr, SIZE: tl.constexpr, NARROW: tl.constexpr, FULL: tl.constexpr,
):  # fmt: skip
    """Each output has a place in every piece."""
    where = positions(first, j, SIZE)
    mask = where < n
    g = load(g_ptr, where, mask, FULL)
    winner = tl.zeros([SIZE], tl.int32)
    for b in tl.static_range(BITS):
        byte = tl.load(bits_ptr + b * plane + first // 8 + tl.arange(0, SIZE)).to(tl.int32)
        winner |= ((byte >> j) & 1) << b
    if JOINT and FULL:
        both = tl.join(tl.where(winner == 0, g, 0.0), tl.where(winner == 1, g, 0.0))
        place = first * 2 + j * SIZE * 2 + tl.arange(0, SIZE * 2)
        tl.store(gx_ptr + place, tl.reshape(both, (2 * SIZE,)))
    else:
        start = where + quotient(where, inner, NARROW) * inner * (PIECES - 1)
        for piece in range(PIECES):
            write(gx_ptr, start + piece * inner, tl.where(winner == piece, g, 0.0), mask, FULL)


@triton.jit
def maxout_slope_kernel(
    bits_ptr, g_ptr, gx_ptr, n, inner, plane, PIECES: tl.constexpr, BITS: tl.constexpr, JOINT: tl.constexpr,
    SIZE: tl.constexpr, NARROW: tl.constexpr,
):  # fmt: skip
    """The gradient of the inputs of `n` outputs: g where the winner is, 0 elsewhere."""
    first = first_of(tl.program_id(0), SIZE)
    if first + 8 * SIZE <= n:
        for j in range(8):
            _maxout_slope(
                first, j, bits_ptr, g_ptr, gx_ptr, n, inner, plane, PIECES, BITS, JOINT, SIZE, NARROW, True
            )  # fmt: skip
    else:
        for j in range(8):
            _maxout_slope(
                first, j, bits_ptr, g_ptr, gx_ptr, n, inner, plane, PIECES, BITS, JOINT, SIZE, NARROW, False
            )  # fmt: skip


@triton.jit
def _crelu_value(
    first, j, positive, negative, x_ptr, y_ptr, n, length, SIZE: tl.constexpr, NARROW: tl.constexpr,
    FULL: tl.constexpr,
):  # fmt: skip
    where = positions(first, j, SIZE)
    mask = where < n
    narrow = load(x_ptr, where, mask, FULL)
    x = widened(narrow)
    half = where + quotient(where, length, NARROW) * length
    # Chosen before it is rounded, LLVM would make a maximum of it, which takes -0 for 0.
    minus = rounded(x * -1.0, narrow.dtype)
    write(y_ptr, half, tl.where(x < 0, 0.0, narrow), mask, FULL)
    write(y_ptr, half + length, tl.where(x > 0, 0.0, minus), mask, FULL)
    above, below = is_positive(x, True), is_positive(x * -1.0, True)
    return positive | (above.to(tl.int32) << j), negative | (below.to(tl.int32) << j)


@triton.jit
def crelu_value_kernel(
    x_ptr, y_ptr, bits_ptr, n, length, plane, KEEP: tl.constexpr, SIZE: tl.constexpr, NARROW: tl.constexpr
):  # fmt: skip
    """The positive and the negative part of `n` inputs, and in two planes their signs if `KEEP`."""
    first = first_of(tl.program_id(0), SIZE)
    positive = tl.zeros([SIZE], tl.int32)
    negative = tl.zeros([SIZE], tl.int32)
    if first + 8 * SIZE <= n:
        for j in tl.static_range(8):
            positive, negative = _crelu_value(
                first, j, positive, negative, x_ptr, y_ptr, n, length, SIZE, NARROW, True
            )  # fmt: skip
    else:
        for j in range(8):
            positive, negative = _crelu_value(
                first, j, positive, negative, x_ptr, y_ptr, n, length, SIZE, NARROW, False
            )  # fmt: skip
    if KEEP:
        place = bits_ptr + first // 8 + tl.arange(0, SIZE)
        tl.store(place, positive.to(tl.uint8))
        tl.store(place + plane, negative.to(tl.uint8))


@triton.jit
def _crelu_slope(
    first, j, positive, negative, g_ptr, gx_ptr, n, length, SIZE: tl.constexpr, NARROW: tl.constexpr,
    FULL: tl.constexpr,
):  # fmt: skip
    where = positions(first, j, SIZE)
    mask = where < n
    half = where + quotient(where, length, NARROW) * length
    above = widened(load(g_ptr, half, mask, FULL))
    below = widened(load(g_ptr, half + length, mask, FULL))
    above = tl.where(((positive >> j) & 1) == 1, above, 0.0)
    below = tl.where(((negative >> j) & 1) == 1, below, 0.0)
    store(gx_ptr, where, above - below, mask, FULL)


@triton.jit
def crelu_slope_kernel(
    bits_ptr, g_ptr, gx_ptr, n, length, plane, SIZE: tl.constexpr, NARROW: tl.constexpr
):  # fmt: skip
    """The gradient of `n` inputs from those of both parts."""
    first = first_of(tl.program_id(0), SIZE)
    place = bits_ptr + first // 8 + tl.arange(0, SIZE)
    positive = tl.load(place).to(tl.int32)
    negative = tl.load(place + plane).to(tl.int32)
    if first + 8 * SIZE <= n:
        for j in tl.static_range(8):
            _crelu_slope(first, j, positive, negative, g_ptr, gx_ptr, n, length, SIZE, NARROW, True)
    else:
        for j in range(8):
            _crelu_slope(first, j, positive, negative, g_ptr, gx_ptr, n, length, SIZE, NARROW, False)
