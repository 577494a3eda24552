# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"
# (Triton's language has no types; its decorator reads the source of what it decorates.)
"""Kernels of elementwise activations: value and slope of a tensor as it is in memory."""

from __future__ import annotations

import triton
import triton.language as tl

from rectifiers.backends.gpu.tiles import call, drawn, first_of, is_positive, load, positions, store, widened

__all__ = ["slope_kernel", "value_kernel"]


@triton.jit
def _value(
    first, row, bits, x_ptr, y_ptr, n, draw, numbers, RANDOM: tl.constexpr, RECIPROCAL: tl.constexpr,
    FORMULA: tl.constexpr, KEEP: tl.constexpr, SIZE: tl.constexpr, FULL: tl.constexpr,
):  # fmt: skip
    where = positions(first, row, SIZE)
    mask = where < n
    x = widened(load(x_ptr, where, mask, FULL))
    random = drawn(first + row * SIZE, draw, SIZE, RECIPROCAL) if RANDOM >= 0 else 0.0
    store(y_ptr, where, call(FORMULA, RANDOM, x, numbers, random), mask, FULL)
    return bits | (is_positive(x, KEEP == 2).to(tl.int32) << row)


@triton.jit
def value_kernel(
    x_ptr, y_ptr, bits_ptr, n, seed_ptr, base, step, p0, p1, p2, p3, RANDOM: tl.constexpr,
    RECIPROCAL: tl.constexpr, FORMULA: tl.constexpr, KEEP: tl.constexpr, SIZE: tl.constexpr,
):  # fmt: skip
    """Write f(x), and a bit per element, x > 0, if `KEEP` is 1 or 2; if 2, it is set for NaN, too."""
    first = first_of(tl.program_id(0), SIZE)
    draw = (tl.load(seed_ptr) if RANDOM >= 0 else 0, base, step)
    numbers = (p0, p1, p2, p3)
    bits = tl.zeros([SIZE], tl.int32)
    if first + 8 * SIZE <= n:
        for row in tl.static_range(8):
            bits = _value(
                first, row, bits, x_ptr, y_ptr, n, draw, numbers, RANDOM, RECIPROCAL, FORMULA, KEEP, SIZE,
                True,
            )  # fmt: skip
    else:
        for row in range(8):
            bits = _value(
                first, row, bits, x_ptr, y_ptr, n, draw, numbers, RANDOM, RECIPROCAL, FORMULA, KEEP, SIZE,
                False,
            )  # fmt: skip
    if KEEP:
        tl.store(bits_ptr + first // 8 + tl.arange(0, SIZE), bits.to(tl.uint8))


@triton.jit
def _slope(
    first, row, bits, saved_ptr, g_ptr, gx_ptr, n, draw, numbers, RANDOM: tl.constexpr,
    RECIPROCAL: tl.constexpr, FORMULA: tl.constexpr, BITS: tl.constexpr, SIZE: tl.constexpr,
    FULL: tl.constexpr,
):  # fmt: skip
    where = positions(first, row, SIZE)
    mask = where < n
    g = widened(load(g_ptr, where, mask, FULL))
    saved = ((bits >> row) & 1) == 1 if BITS else widened(load(saved_ptr, where, mask, FULL))
    random = drawn(first + row * SIZE, draw, SIZE, RECIPROCAL) if RANDOM >= 0 else 0.0
    store(gx_ptr, where, g * call(FORMULA, RANDOM, saved, numbers, random), mask, FULL)


@triton.jit
def slope_kernel(
    saved_ptr, g_ptr, gx_ptr, n, seed_ptr, base, step, p0, p1, p2, p3, RANDOM: tl.constexpr,
    RECIPROCAL: tl.constexpr, FORMULA: tl.constexpr, BITS: tl.constexpr, SIZE: tl.constexpr,
):  # fmt: skip
    """Write g times the derivative in terms of what was saved: packed bits, or the input."""
    first = first_of(tl.program_id(0), SIZE)
    draw = (tl.load(seed_ptr) if RANDOM >= 0 else 0, base, step)
    numbers = (p0, p1, p2, p3)
    bits = tl.load(saved_ptr + first // 8 + tl.arange(0, SIZE)).to(tl.int32) if BITS else 0
    if first + 8 * SIZE <= n:
        for row in tl.static_range(8):
            _slope(
                first, row, bits, saved_ptr, g_ptr, gx_ptr, n, draw, numbers, RANDOM, RECIPROCAL, FORMULA,
                BITS, SIZE, True,
            )  # fmt: skip
    else:
        for row in range(8):
            _slope(
                first, row, bits, saved_ptr, g_ptr, gx_ptr, n, draw, numbers, RANDOM, RECIPROCAL, FORMULA,
                BITS, SIZE, False,
            )  # fmt: skip
