# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"
# (Triton's language has no types; its decorator reads the source of what it decorates.)
"""The slope where a parameter is learned: its gradient is summed while the input's is written.

A tensor of (outer, channels, inner) is a matrix of `outer` rows. A program takes some tiles of it, one below
the other, and leaves a partial sum: per column of the tiles (`COLUMNS`, for a small `inner`), or one, where
they belong to one channel. `total_kernel` adds them in the order of their places: no atomics, so that the
same layout always gives the same sum.
"""

from __future__ import annotations

import triton
import triton.language as tl

from rectifiers.backends.gpu.tiles import call, derivative, load, settings, store
from rectifiers.backends.gpu.words import widened

__all__ = ["learned_kernel", "total_kernel"]


@triton.jit
def _tile(
    total, rows, columns, stop, saved_ptr, g_ptr, gx_ptr, outer, width, values,
    HOW: tl.constexpr, FORMULA: tl.constexpr, VALUE: tl.constexpr, LEARNED: tl.constexpr,
    WIDE: tl.constexpr, FULL: tl.constexpr,
):  # fmt: skip
    """Write the gradient of the input; return the total with the terms of the learned parameter's."""
    where = rows[:, None] * width + columns[None, :]
    mask = (rows < outer)[:, None] & (columns < stop)[None, :]
    g = widened(load(g_ptr, where, mask, FULL), WIDE)
    saved = widened(load(saved_ptr, where, mask, FULL), WIDE)
    store(gx_ptr, where, g * derivative(HOW, FORMULA, VALUE, saved, values), mask, FULL)
    terms = g * call(LEARNED, saved, values)
    return total + (terms if FULL else tl.where(mask, terms, 0.0))


@triton.jit
def learned_kernel(
    saved_ptr, g_ptr, gx_ptr, partial_ptr, weight_ptr, outer, channels, inner, width, column_blocks, parts,
    tiles, p0: tl.float64, p1: tl.float64, p2: tl.float64, p3: tl.float64,
    KINDS: tl.constexpr, HOW: tl.constexpr, FORMULA: tl.constexpr, VALUE: tl.constexpr,
    LEARNED: tl.constexpr, WIDE: tl.constexpr, COLUMNS: tl.constexpr, ROWS: tl.constexpr, SPAN: tl.constexpr,
):  # fmt: skip
    """Write g times the derivative, and a partial sum of g times the derivative by the learned parameter.

    `width` is the distance of rows: 0 where there is one row, so that any width keeps its alignment.
    """
    program = tl.program_id(0).to(tl.int64)
    row_block = program // column_blocks
    column_block = program % column_blocks
    if COLUMNS:
        start = column_block * SPAN
        stop = tl.cast(channels, tl.int64) * inner
        columns = start + tl.arange(0, SPAN)
        channel = (tl.minimum(columns, stop - 1) // inner)[None, :]
    elif channels == 1:
        start = column_block * SPAN
        stop = tl.cast(inner, tl.int64)
        columns = start + tl.arange(0, SPAN)
        channel = program * 0
    else:
        channel = column_block // parts
        start = channel * inner + (column_block % parts) * SPAN
        stop = (channel + 1) * inner
        columns = start + tl.arange(0, SPAN)
    weight = widened(tl.load(weight_ptr + channel), WIDE)
    values = settings(KINDS, (p0, p1, p2, p3), weight, 0.0, WIDE)
    total = tl.zeros([ROWS, SPAN], WIDE)
    row = row_block * tiles * ROWS
    end = tl.minimum(row + tiles * ROWS, tl.cast(outer, tl.int64))
    full_end = row + (end - row) // ROWS * ROWS if start + SPAN <= stop else row
    while row < full_end:
        total = _tile(
            total, row + tl.arange(0, ROWS), columns, stop, saved_ptr, g_ptr, gx_ptr, outer, width, values,
            HOW, FORMULA, VALUE, LEARNED, WIDE, True,
        )  # fmt: skip
        row += ROWS
    while row < end:
        total = _tile(
            total, row + tl.arange(0, ROWS), columns, stop, saved_ptr, g_ptr, gx_ptr, outer, width, values,
            HOW, FORMULA, VALUE, LEARNED, WIDE, False,
        )  # fmt: skip
        row += ROWS
    if COLUMNS:
        tl.store(partial_ptr + row_block * width + columns, tl.sum(total, axis=0), mask=columns < stop)
    else:
        tl.store(partial_ptr + program, tl.sum(tl.sum(total, axis=1), axis=0))


@triton.jit
def total_kernel(
    partial_ptr, out_ptr, row_blocks, channels, parts, TERMS: tl.constexpr, SPAN: tl.constexpr
):  # fmt: skip
    """Add partial sums, which are ordered as (row_blocks, channels, parts), over blocks and parts."""
    channel = tl.program_id(0).to(tl.int64) * SPAN + tl.arange(0, SPAN)
    total = tl.zeros([TERMS, SPAN], tl.float64)
    terms = tl.cast(row_blocks, tl.int64) * parts
    start = terms * 0
    while start < terms:
        term = start + tl.arange(0, TERMS)
        place = (term // parts * channels * parts + term % parts)[:, None] + (channel * parts)[None, :]
        mask = (term < terms)[:, None] & (channel < channels)[None, :]
        total += tl.load(partial_ptr + place, mask=mask, other=0.0).to(tl.float64)
        start += TERMS
    tl.store(out_ptr + channel, tl.sum(total, axis=0).to(out_ptr.dtype.element_ty), mask=channel < channels)
