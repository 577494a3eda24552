# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"
# (Triton's language has no types; its decorator reads the source of what it decorates.)
"""Pieces of kernels: where elements are, how they are loaded, stored and drawn, how formulas are called.

A program of a flat kernel takes 8 rows of SIZE elements, one after the other in memory, and packs
one bit per row into SIZE bytes. It takes one row in a step, or ROWS of them where numbers are drawn: 64
elements share 8 calls of Philox (see `Draw`), and a tile of whole blocks calls it no oftener than that.
Positions are int64 throughout.
"""

from __future__ import annotations

import triton
import triton.language as tl

from rectifiers.backends.gpu.words import rounded, widened

__all__ = [
    "call",
    "derivative",
    "drawn_tile",
    "first_of",
    "is_positive",
    "load",
    "packed",
    "positions",
    "quotient",
    "settings",
    "store",
    "store_as_it_is",
]

# Kinds of parameters, as kernels are told.
NUMBER = tl.constexpr(0)
LEARNED = tl.constexpr(1)
DRAWN = tl.constexpr(2)


@triton.jit
def first_of(program, SIZE: tl.constexpr):
    """The first element of a program."""
    return program.to(tl.int64) * (8 * SIZE)


@triton.jit
def positions(first, row, ROWS: tl.constexpr, SIZE: tl.constexpr):
    """Where the elements of some rows are: (SIZE,) of one row, (ROWS, SIZE) of several."""
    lane = tl.arange(0, SIZE)
    if ROWS == 1:
        where = first + (lane + row * SIZE)
    else:
        where = first + (((row + tl.arange(0, ROWS)) * SIZE)[:, None] + lane[None, :])
    return where


@triton.jit
def is_positive(x, NAN: tl.constexpr):
    """Whether elements are positive; `NAN` says whether NaN is."""
    return (x > 0) | (x != x) if NAN else x > 0


@triton.jit
def packed(positive, row, ROWS: tl.constexpr):
    """The bits of some rows, in their places in bytes of 8 rows."""
    if ROWS == 1:
        bits = positive.to(tl.int32) << row
    else:
        bits = tl.sum(positive.to(tl.int32) << (row + tl.arange(0, ROWS))[:, None], axis=0)
    return bits


@triton.jit
def quotient(where, divisor, NARROW: tl.constexpr):
    """The position divided; in int32 where that holds it, which is several times as fast."""
    return (where.to(tl.int32) // tl.cast(divisor, tl.int32)).to(tl.int64) if NARROW else where // divisor


@triton.jit
def load(pointer, where, mask, FULL: tl.constexpr):
    """Elements as they are; where masked, 0."""
    # A mask whose end is no multiple of 16 would split the vector accesses.
    return tl.load(pointer + where) if FULL else tl.load(pointer + where, mask=mask, other=0)


@triton.jit
def store(pointer, where, value, mask, FULL: tl.constexpr):
    """Store elements, rounded once to the type of the tensor."""
    store_as_it_is(pointer, where, rounded(value, pointer.dtype.element_ty), mask, FULL)


@triton.jit
def store_as_it_is(pointer, where, narrow, mask, FULL: tl.constexpr):
    """Store elements of the type of the tensor."""
    if FULL:
        tl.store(pointer + where, narrow)
    else:
        tl.store(pointer + where, narrow, mask=mask)


@triton.jit
def drawn_tile(
    first, seed, base, step, ROWS: tl.constexpr, SIZE: tl.constexpr, RECIPROCAL: tl.constexpr
):  # fmt: skip
    """The float32 numbers of ROWS * SIZE neighbouring elements from `first` on, which begins a block."""
    counter = first // 8 + tl.arange(0, ROWS * SIZE // 8)
    low, high = (counter & 0xFFFFFFFF).to(tl.uint32), (counter >> 32).to(tl.uint32)
    w0, w1, w2, w3 = tl.philox(seed, low, high, low * 0, low * 0, 7)
    words = tl.join(tl.join(w0, w2), tl.join(w1, w3))  # (call, 2, 2): in the order of their numbers
    halves = tl.join((words & 0xFFFF).to(tl.uint16), (words >> 16).to(tl.uint16))
    blocks = tl.reshape(halves, (ROWS * SIZE // 64, 8, 8))  # block, lane, j
    bits = tl.reshape(tl.permute(blocks, (0, 2, 1)), (ROWS, SIZE))
    value = bits.to(tl.float32) * tl.full((), step, tl.float32) + tl.full((), base, tl.float32)
    return tl.div_rn(tl.full(value.shape, 1.0, tl.float32), value) if RECIPROCAL else value


@triton.jit
def _setting(KIND: tl.constexpr, number, weight, random, WIDE: tl.constexpr):
    if KIND == LEARNED:
        value = weight
    elif KIND == DRAWN:
        value = widened(random, WIDE)
    else:
        value = tl.full((), number, WIDE)
    return value


@triton.jit
def settings(KINDS: tl.constexpr, numbers, weight, random, WIDE: tl.constexpr):
    """Every parameter's value in the type of computation: one for all elements, or one each."""
    return (
        _setting(KINDS[0], numbers[0], weight, random, WIDE),
        _setting(KINDS[1], numbers[1], weight, random, WIDE),
        _setting(KINDS[2], numbers[2], weight, random, WIDE),
        _setting(KINDS[3], numbers[3], weight, random, WIDE),
    )


@triton.jit
def call(FORMULA: tl.constexpr, x, values):
    """The formula of elements and its parameters; a constant is spread over them."""
    return tl.broadcast_to(FORMULA(x, values), x.shape)


@triton.jit
def derivative(HOW: tl.constexpr, FORMULA: tl.constexpr, VALUE: tl.constexpr, saved, values):
    """The derivative by the input in terms of what was saved."""
    if HOW == "sign":
        of = is_positive(saved, False)
    elif HOW == "sign or nan":
        of = is_positive(saved, True)
    elif HOW == "value":
        of = call(VALUE, saved, values)
    else:
        of = saved
    return call(FORMULA, of, values)
