# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"
# (Triton's language has no types; its decorator reads the source of what it decorates.)
"""Kernels that take a tensor as it is in memory: the value, and the slope where nothing is learned."""

from __future__ import annotations

import triton
import triton.language as tl

from rectifiers.backends.gpu.tiles import (
    call,
    derivative,
    drawn_tile,
    first_of,
    is_positive,
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
    first, row, seed, draw, DRAWS: tl.constexpr, RECIPROCAL: tl.constexpr, ROWS: tl.constexpr,
    SIZE: tl.constexpr,
):  # fmt: skip
    return drawn_tile(first + row * SIZE, seed, draw[0], draw[1], ROWS, SIZE, RECIPROCAL) if DRAWS else 0.0


@triton.jit
def _value(
    first, row, bits, x_ptr, y_ptr, weight_ptr, n, channels, inner, seed, draw, numbers,
    KINDS: tl.constexpr, DRAWS: tl.constexpr, RECIPROCAL: tl.constexpr, CHANNELS: tl.constexpr,
    FORMULA: tl.constexpr, WIDE: tl.constexpr, KEEP: tl.constexpr, ROWS: tl.constexpr,
    SIZE: tl.constexpr, NARROW: tl.constexpr, FULL: tl.constexpr,
):  # fmt: skip
    where = positions(first, row, ROWS, SIZE)
    mask = where < n
    x = widened(load(x_ptr, where, mask, FULL), WIDE)
    if CHANNELS == 3:  # rows begin with the first channel
        channel = tl.arange(0, SIZE) // tl.cast(inner, tl.int32) % tl.cast(channels, tl.int32)
    elif CHANNELS == 2:
        channel = quotient(where, inner, NARROW) % channels
    else:
        channel = 0
    weight = widened(tl.load(weight_ptr + channel), WIDE) if CHANNELS else 0.0
    random = _random(first, row, seed, draw, DRAWS, RECIPROCAL, ROWS, SIZE)
    y = call(FORMULA, x, settings(KINDS, numbers, weight, random, WIDE))
    store(y_ptr, where, y, mask, FULL)
    return bits | packed(is_positive(x, KEEP == 2), row, ROWS)


@triton.jit
def value_kernel(
    x_ptr, y_ptr, bits_ptr, weight_ptr, n, channels, inner, seed_ptr, base: tl.float64, step: tl.float64,
    p0: tl.float64, p1: tl.float64, p2: tl.float64, p3: tl.float64,
    KINDS: tl.constexpr, DRAWS: tl.constexpr, RECIPROCAL: tl.constexpr, CHANNELS: tl.constexpr,
    FORMULA: tl.constexpr, WIDE: tl.constexpr, KEEP: tl.constexpr, UNROLL: tl.constexpr,
    ROWS: tl.constexpr, SIZE: tl.constexpr, NARROW: tl.constexpr,
):  # fmt: skip
    """Write f(x), and a bit per element, x > 0, if `KEEP` is 1 or 2; if 2, it is set for NaN, too.

    `CHANNELS` is 0 where nothing is learned, 1 for one number, 3 where rows hold all channels alike, else 2.
    """
    first = first_of(tl.program_id(0), SIZE)
    seed = tl.load(seed_ptr) if DRAWS else 0
    bits = tl.zeros([SIZE], tl.int32)
    if first + 8 * SIZE <= n:
        for step_ in tl.range(8 // ROWS, loop_unroll_factor=UNROLL):
            bits = _value(
                first, step_ * ROWS, bits, x_ptr, y_ptr, weight_ptr, n, channels, inner, seed, (base, step),
                (p0, p1, p2, p3), KINDS, DRAWS, RECIPROCAL, CHANNELS, FORMULA, WIDE, KEEP, ROWS, SIZE,
                NARROW, True,
            )  # fmt: skip
    else:
        for step_ in range(8 // ROWS):
            bits = _value(
                first, step_ * ROWS, bits, x_ptr, y_ptr, weight_ptr, n, channels, inner, seed, (base, step),
                (p0, p1, p2, p3), KINDS, DRAWS, RECIPROCAL, CHANNELS, FORMULA, WIDE, KEEP, ROWS, SIZE,
                NARROW, False,
            )  # fmt: skip
    if KEEP:
        tl.store(bits_ptr + first // 8 + tl.arange(0, SIZE), bits.to(tl.uint8))


@triton.jit
def _slope(
    first, row, bits, saved_ptr, g_ptr, gx_ptr, n, seed, draw, numbers,
    KINDS: tl.constexpr, DRAWS: tl.constexpr, RECIPROCAL: tl.constexpr, HOW: tl.constexpr,
    FORMULA: tl.constexpr, VALUE: tl.constexpr, WIDE: tl.constexpr, BITS: tl.constexpr,
    ROWS: tl.constexpr, SIZE: tl.constexpr, FULL: tl.constexpr,
):  # fmt: skip
    where = positions(first, row, ROWS, SIZE)
    mask = where < n
    g = widened(load(g_ptr, where, mask, FULL), WIDE)
    if not BITS:
        saved = widened(load(saved_ptr, where, mask, FULL), WIDE)
    elif ROWS == 1:
        saved = ((bits >> row) & 1) == 1
    else:
        saved = ((bits[None, :] >> (row + tl.arange(0, ROWS))[:, None]) & 1) == 1
    random = _random(first, row, seed, draw, DRAWS, RECIPROCAL, ROWS, SIZE)
    values = settings(KINDS, numbers, 0.0, random, WIDE)  # nothing is learned
    store(gx_ptr, where, g * derivative(HOW, FORMULA, VALUE, saved, values), mask, FULL)


@triton.jit
def slope_kernel(
    saved_ptr, g_ptr, gx_ptr, n, seed_ptr, base: tl.float64, step: tl.float64,
    p0: tl.float64, p1: tl.float64, p2: tl.float64, p3: tl.float64,
    KINDS: tl.constexpr, DRAWS: tl.constexpr, RECIPROCAL: tl.constexpr, HOW: tl.constexpr,
    FORMULA: tl.constexpr, VALUE: tl.constexpr, WIDE: tl.constexpr, BITS: tl.constexpr,
    UNROLL: tl.constexpr, ROWS: tl.constexpr, SIZE: tl.constexpr,
):  # fmt: skip
    """Write g times the derivative in terms of what was saved: packed bits, the output or the input."""
    first = first_of(tl.program_id(0), SIZE)
    seed = tl.load(seed_ptr) if DRAWS else 0
    bits = 0
    if BITS:
        bits = tl.load(saved_ptr + first // 8 + tl.arange(0, SIZE)).to(tl.int32)
    if first + 8 * SIZE <= n:
        for step_ in tl.range(8 // ROWS, loop_unroll_factor=UNROLL):
            _slope(
                first, step_ * ROWS, bits, saved_ptr, g_ptr, gx_ptr, n, seed, (base, step), (p0, p1, p2, p3),
                KINDS, DRAWS, RECIPROCAL, HOW, FORMULA, VALUE, WIDE, BITS, ROWS, SIZE, True,
            )  # fmt: skip
    else:
        for step_ in range(8 // ROWS):
            _slope(
                first, step_ * ROWS, bits, saved_ptr, g_ptr, gx_ptr, n, seed, (base, step), (p0, p1, p2, p3),
                KINDS, DRAWS, RECIPROCAL, HOW, FORMULA, VALUE, WIDE, BITS, ROWS, SIZE, False,
            )  # fmt: skip
