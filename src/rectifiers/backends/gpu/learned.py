# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"
# (Triton's language has no types; its decorator reads the source of what it decorates.)
"""The slope where parameters are learned: their gradients are summed while the input's is written.

A tensor of (outer, channels, inner) is a matrix of `outer` rows. A program takes some tiles of it, one below
the other, and leaves one partial sum per learned parameter: per column of the tiles (`COLUMNS`, for a small
`inner`), or one, where they lie in one channel. `total_kernel` adds them in the order of their places: no
atomics, so that the same layout always gives the same sum.
"""

from __future__ import annotations

import triton
import triton.language as tl

from rectifiers.backends.gpu.tiles import call, derivative, drawn_at, learned, load, settings, store
from rectifiers.backends.gpu.words import widened

__all__ = ["learned_kernel", "total_kernel"]


@triton.jit
def _keep_sum(terms, pointer, row_block, columns, stop, width, program, COLUMNS: tl.constexpr):
    if COLUMNS:
        tl.store(pointer + row_block * width + columns, tl.sum(terms, axis=0), mask=columns < stop)
    else:
        tl.store(pointer + program, tl.sum(tl.sum(terms, axis=1), axis=0))


@triton.jit
def _tile(
    total, rows, columns, stop, row_block, program, kept_ptr, g_ptr, gx_ptr, partial_ptr,
    outer, width, partial_size, seed, draw, numbers, of_channel,
    KINDS: tl.constexpr, DRAWS: tl.constexpr, RECIPROCAL: tl.constexpr, DRAW_WIDE: tl.constexpr,
    HOW: tl.constexpr, FORMULA: tl.constexpr, VALUE: tl.constexpr, LEARNED: tl.constexpr,
    WIDE: tl.constexpr, COLUMNS: tl.constexpr, FULL: tl.constexpr,
):  # fmt: skip
    """Write the gradient of the input; add to the total, or write the sums where there are several."""
    where = rows[:, None] * width + columns[None, :]
    mask = (rows < outer)[:, None] & (columns < stop)[None, :]
    g = widened(load(g_ptr, where, mask, FULL), WIDE)
    kept = widened(load(kept_ptr, where, mask, FULL), WIDE)
    random = drawn_at(where, tl.load(seed), draw[0], draw[1], RECIPROCAL, DRAW_WIDE) if DRAWS else 0.0
    values = settings(KINDS, numbers, of_channel, random, WIDE)
    store(gx_ptr, where, g * derivative(HOW, FORMULA, VALUE, kept, values), mask, FULL)
    for i in tl.static_range(len(LEARNED)):
        terms = g * call(LEARNED[i], kept, values)
        if not FULL:
            terms = tl.where(mask, terms, 0.0)
        if len(LEARNED) == 1:
            total += terms
        else:
            pointer = partial_ptr + i * partial_size
            _keep_sum(terms, pointer, row_block, columns, stop, width, program, COLUMNS)
    return total


@triton.jit
def learned_kernel(
    kept_ptr, g_ptr, gx_ptr, partial_ptr, outer, channels, inner, width, column_blocks, parts, partial_size,
    tiles, seed, base: tl.float64, step: tl.float64,
    p0: tl.float64, p1: tl.float64, p2: tl.float64, p3: tl.float64, w0, w1, w2, w3,
    KINDS: tl.constexpr, DRAWS: tl.constexpr, RECIPROCAL: tl.constexpr, DRAW_WIDE: tl.constexpr,
    HOW: tl.constexpr, FORMULA: tl.constexpr, VALUE: tl.constexpr, LEARNED: tl.constexpr,
    WIDE: tl.constexpr, COLUMNS: tl.constexpr, ROWS: tl.constexpr, SPAN: tl.constexpr,
):  # fmt: skip
    """Write g times the derivative, and a partial sum of g times the derivative by every learned parameter.

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
    of_channel = learned(KINDS, (w0, w1, w2, w3), channel, WIDE)
    total = tl.zeros([ROWS, SPAN], WIDE)
    row = row_block * tiles * ROWS
    end = tl.minimum(row + tiles * ROWS, tl.cast(outer, tl.int64))
    full_end = row + (end - row) // ROWS * ROWS if start + SPAN <= stop else row
    while row < full_end:
        total = _tile(
            total, row + tl.arange(0, ROWS), columns, stop, row_block, program,
            kept_ptr, g_ptr, gx_ptr, partial_ptr,
            outer, width, partial_size, seed, (base, step), (p0, p1, p2, p3), of_channel,
            KINDS, DRAWS, RECIPROCAL, DRAW_WIDE, HOW, FORMULA, VALUE, LEARNED, WIDE, COLUMNS, True,
        )  # fmt: skip
        row += ROWS
    while row < end:
        total = _tile(
            total, row + tl.arange(0, ROWS), columns, stop, row_block, program,
            kept_ptr, g_ptr, gx_ptr, partial_ptr,
            outer, width, partial_size, seed, (base, step), (p0, p1, p2, p3), of_channel,
            KINDS, DRAWS, RECIPROCAL, DRAW_WIDE, HOW, FORMULA, VALUE, LEARNED, WIDE, COLUMNS, False,
        )  # fmt: skip
        row += ROWS
    if len(LEARNED) == 1:
        _keep_sum(total, partial_ptr, row_block, columns, stop, width, program, COLUMNS)


@triton.jit
def total_kernel(
    partial_ptr, out_ptr, row_blocks, channels, parts, partial_size, TERMS: tl.constexpr, SPAN: tl.constexpr
):  # fmt: skip
    """Add partial sums, which lie as (learned, row_blocks, channels, parts), over blocks and parts."""
    channel = tl.program_id(0).to(tl.int64) * SPAN + tl.arange(0, SPAN)
    learned = tl.program_id(1).to(tl.int64)
    total = tl.zeros([TERMS, SPAN], tl.float64)
    terms = tl.cast(row_blocks, tl.int64) * parts
    start = terms * 0
    while start < terms:
        term = start + tl.arange(0, TERMS)
        place = (term // parts * channels * parts + term % parts)[:, None] + (channel * parts)[None, :]
        mask = (term < terms)[:, None] & (channel < channels)[None, :]
        pointer = partial_ptr + learned * partial_size + place
        total += tl.load(pointer, mask=mask, other=0.0).to(tl.float64)
        start += TERMS
    summed = tl.sum(total, axis=0)
    pointer = out_ptr + learned * channels + channel
    tl.store(pointer, summed.to(out_ptr.dtype.element_ty), mask=channel < channels)
