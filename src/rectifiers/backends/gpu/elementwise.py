# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"
# (Triton's language has no types; its decorator reads the source of what it decorates.)
"""Kernels that take a tensor as it lies in memory: the value, and the slope where nothing is learned."""

from __future__ import annotations

import triton
import triton.language as tl

from rectifiers.backends.gpu.tiles import (
    call,
    derivative,
    drawn_tile,
    first_of,
    is_positive,
    learned,
    load,
    packed,
    positions,
    quotient,
    settings,
    store,
)
from rectifiers.backends.gpu.words import widened

__all__ = ["slope_kernel", "value_kernel"]


@triton.jit
def _random(
    first, row, seed, draw, DRAWS: tl.constexpr, RECIPROCAL: tl.constexpr, WIDE: tl.constexpr,
    ROWS: tl.constexpr, SIZE: tl.constexpr,
):  # fmt: skip
    if DRAWS:
        random = drawn_tile(first + row * SIZE, seed, draw[0], draw[1], ROWS, SIZE, RECIPROCAL, WIDE)
    else:
        random = 0.0
    return random


@triton.jit
def _value(
    first, row, bits, x_ptr, y_ptr, n, channels, inner, seed, draw, numbers, tensors,
    KINDS: tl.constexpr, DRAWS: tl.constexpr, RECIPROCAL: tl.constexpr, DRAW_WIDE: tl.constexpr,
    CHANNELS: tl.constexpr, FORMULA: tl.constexpr, WIDE: tl.constexpr, KEEP: tl.constexpr,
    ROWS: tl.constexpr, SIZE: tl.constexpr, NARROW: tl.constexpr, FULL: tl.constexpr,
):  # fmt: skip
    where = positions(first, row, ROWS, SIZE)
    mask = where < n
    x = widened(load(x_ptr, where, mask, FULL), WIDE)
    if CHANNELS == 2:  # rows begin with the first channel
        channel = tl.arange(0, SIZE) // tl.cast(inner, tl.int32) % tl.cast(channels, tl.int32)
        channel = channel if ROWS == 1 else channel[None, :]
    elif CHANNELS:
        channel = quotient(where, inner, NARROW) % channels
    else:
        channel = 0
    random = _random(first, row, seed, draw, DRAWS, RECIPROCAL, DRAW_WIDE, ROWS, SIZE)
    of_channel = learned(KINDS, tensors, channel, WIDE)
    y = call(FORMULA, x, settings(KINDS, numbers, of_channel, random, WIDE))
    store(y_ptr, where, y, mask, FULL)
    return bits | packed(is_positive(x, KEEP == 2), row, ROWS)


@triton.jit
def value_kernel(
    x_ptr, y_ptr, bits_ptr, n, channels, inner, seed_ptr, base: tl.float64, step: tl.float64,
    p0: tl.float64, p1: tl.float64, p2: tl.float64, p3: tl.float64, w0, w1, w2, w3,
    KINDS: tl.constexpr, DRAWS: tl.constexpr, RECIPROCAL: tl.constexpr, DRAW_WIDE: tl.constexpr,
    CHANNELS: tl.constexpr, FORMULA: tl.constexpr, WIDE: tl.constexpr,
    KEEP: tl.constexpr, UNROLL: tl.constexpr, ROWS: tl.constexpr, SIZE: tl.constexpr, NARROW: tl.constexpr,
):  # fmt: skip
    """Write f(x), and a bit per element, x > 0, if `KEEP` is 1 or 2; if 2, it is set for NaN, too.

    `CHANNELS` is 0 where no parameter has a value per channel, and 2 where rows hold all channels alike.
    """
    first = first_of(tl.program_id(0), SIZE)
    seed = tl.load(seed_ptr) if DRAWS else 0
    bits = tl.zeros([SIZE], tl.int32)
    if first + 8 * SIZE <= n:
        if UNROLL:
            for step_ in tl.static_range(8 // ROWS):
                bits = _value(
                    first, step_ * ROWS, bits, x_ptr, y_ptr, n, channels, inner, seed, (base, step),
                    (p0, p1, p2, p3), (w0, w1, w2, w3), KINDS, DRAWS, RECIPROCAL, DRAW_WIDE, CHANNELS,
                    FORMULA, WIDE, KEEP, ROWS, SIZE, NARROW, True,
                )  # fmt: skip
        else:
            for step_ in range(8 // ROWS):
                bits = _value(
                    first, step_ * ROWS, bits, x_ptr, y_ptr, n, channels, inner, seed, (base, step),
                    (p0, p1, p2, p3), (w0, w1, w2, w3), KINDS, DRAWS, RECIPROCAL, DRAW_WIDE, CHANNELS,
                    FORMULA, WIDE, KEEP, ROWS, SIZE, NARROW, True,
                )  # fmt: skip
    else:
        for step_ in range(8 // ROWS):
            bits = _value(
                first, step_ * ROWS, bits, x_ptr, y_ptr, n, channels, inner, seed, (base, step),
                (p0, p1, p2, p3), (w0, w1, w2, w3), KINDS, DRAWS, RECIPROCAL, DRAW_WIDE, CHANNELS,
                FORMULA, WIDE, KEEP, ROWS, SIZE, NARROW, False,
            )  # fmt: skip
    if KEEP:
        tl.store(bits_ptr + first // 8 + tl.arange(0, SIZE), bits.to(tl.uint8))


@triton.jit
def _slope(
    first, row, bits, kept_ptr, g_ptr, gx_ptr, n, seed, draw, numbers,
    KINDS: tl.constexpr, DRAWS: tl.constexpr, RECIPROCAL: tl.constexpr, DRAW_WIDE: tl.constexpr,
    HOW: tl.constexpr, FORMULA: tl.constexpr, VALUE: tl.constexpr, WIDE: tl.constexpr,
    BITS: tl.constexpr, ROWS: tl.constexpr, SIZE: tl.constexpr, FULL: tl.constexpr,
):  # fmt: skip
    where = positions(first, row, ROWS, SIZE)
    mask = where < n
    g = widened(load(g_ptr, where, mask, FULL), WIDE)
    if not BITS:
        kept = widened(load(kept_ptr, where, mask, FULL), WIDE)
    elif ROWS == 1:
        kept = ((bits >> row) & 1) == 1
    else:
        kept = ((bits[None, :] >> (row + tl.arange(0, ROWS))[:, None]) & 1) == 1
    random = _random(first, row, seed, draw, DRAWS, RECIPROCAL, DRAW_WIDE, ROWS, SIZE)
    values = settings(KINDS, numbers, (0.0, 0.0, 0.0, 0.0), random, WIDE)  # nothing is learned
    store(gx_ptr, where, g * derivative(HOW, FORMULA, VALUE, kept, values), mask, FULL)


@triton.jit
def slope_kernel(
    kept_ptr, g_ptr, gx_ptr, n, seed_ptr, base: tl.float64, step: tl.float64,
    p0: tl.float64, p1: tl.float64, p2: tl.float64, p3: tl.float64,
    KINDS: tl.constexpr, DRAWS: tl.constexpr, RECIPROCAL: tl.constexpr, DRAW_WIDE: tl.constexpr,
    HOW: tl.constexpr, FORMULA: tl.constexpr, VALUE: tl.constexpr, WIDE: tl.constexpr,
    BITS: tl.constexpr, UNROLL: tl.constexpr, ROWS: tl.constexpr, SIZE: tl.constexpr,
):  # fmt: skip
    """Write g times the derivative in terms of what was kept: packed bits, the output or the input."""
    first = first_of(tl.program_id(0), SIZE)
    seed = tl.load(seed_ptr) if DRAWS else 0
    bits = 0
    if BITS:
        bits = tl.load(kept_ptr + first // 8 + tl.arange(0, SIZE)).to(tl.int32)
    if first + 8 * SIZE <= n:
        if UNROLL:
            for step_ in tl.static_range(8 // ROWS):
                _slope(
                    first, step_ * ROWS, bits, kept_ptr, g_ptr, gx_ptr, n, seed, (base, step),
                    (p0, p1, p2, p3), KINDS, DRAWS, RECIPROCAL, DRAW_WIDE, HOW, FORMULA, VALUE, WIDE,
                    BITS, ROWS, SIZE, True,
                )  # fmt: skip
        else:
            for step_ in range(8 // ROWS):
                _slope(
                    first, step_ * ROWS, bits, kept_ptr, g_ptr, gx_ptr, n, seed, (base, step),
                    (p0, p1, p2, p3), KINDS, DRAWS, RECIPROCAL, DRAW_WIDE, HOW, FORMULA, VALUE, WIDE,
                    BITS, ROWS, SIZE, True,
                )  # fmt: skip
    else:
        for step_ in range(8 // ROWS):
            _slope(
                first, step_ * ROWS, bits, kept_ptr, g_ptr, gx_ptr, n, seed, (base, step),
                (p0, p1, p2, p3), KINDS, DRAWS, RECIPROCAL, DRAW_WIDE, HOW, FORMULA, VALUE, WIDE,
                BITS, ROWS, SIZE, False,
            )  # fmt: skip
