# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"
# (Triton's language has no types; its decorator reads the source of what it decorates.)
"""Pieces of kernels: where elements lie, how they are loaded, stored and drawn, how formulas are called.

A program of a flat kernel takes 8 rows of SIZE elements, which lie one after the other in memory, and packs
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
    "drawn_at",
    "drawn_tile",
    "first_of",
    "is_positive",
    "learned",
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
    """Where the elements of some rows lie: (SIZE,) of one row, (ROWS, SIZE) of several."""
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
def _scaled(bits, base, step, RECIPROCAL: tl.constexpr, WIDE: tl.constexpr):
    value = bits.to(WIDE) * tl.full((), step, WIDE) + tl.full((), base, WIDE)
    if RECIPROCAL:
        value = 1.0 / value if tl.float64 == WIDE else tl.div_rn(tl.full(value.shape, 1.0, WIDE), value)
    return value


@triton.jit
def _philox(counter, seed):
    low = (counter & 0xFFFFFFFF).to(tl.uint32)
    high = (counter >> 32).to(tl.uint32)
    return tl.philox(seed, low, high, low * 0, low * 0, 7)


@triton.jit
def drawn_tile(
    first, seed, base, step, ROWS: tl.constexpr, SIZE: tl.constexpr, RECIPROCAL: tl.constexpr,
    WIDE: tl.constexpr,
):  # fmt: skip
    """The numbers of ROWS * SIZE neighbouring elements from `first` on, which begins a block."""
    w0, w1, w2, w3 = _philox(first // 8 + tl.arange(0, ROWS * SIZE // 8), seed)
    words = tl.join(tl.join(w0, w2), tl.join(w1, w3))  # (call, 2, 2): in the order of their numbers
    halves = tl.join((words & 0xFFFF).to(tl.uint16), (words >> 16).to(tl.uint16))
    blocks = tl.reshape(halves, (ROWS * SIZE // 64, 8, 8))  # block, lane, j
    bits = tl.reshape(tl.permute(blocks, (0, 2, 1)), (ROWS, SIZE))
    return _scaled(bits, base, step, RECIPROCAL, WIDE)


@triton.jit
def drawn_at(where, seed, base, step, RECIPROCAL: tl.constexpr, WIDE: tl.constexpr):
    """The numbers of any positions."""
    w0, w1, w2, w3 = _philox(where // 64 * 8 + where % 8, seed)
    j = ((where % 64) // 8).to(tl.int32)
    word = tl.where(j < 4, tl.where(j < 2, w0, w1), tl.where(j < 6, w2, w3))
    return _scaled((word >> (16 * (j % 2)).to(tl.uint32)) & 0xFFFF, base, step, RECIPROCAL, WIDE)


@triton.jit
def _learned(KIND: tl.constexpr, pointer, channel, WIDE: tl.constexpr):
    return widened(tl.load(pointer + channel), WIDE) if KIND == LEARNED else 0.0


@triton.jit
def learned(KINDS: tl.constexpr, tensors, channel, WIDE: tl.constexpr):
    """Every learned parameter's values in the type of computation, one or one per element; 0 for others."""
    return (
        _learned(KINDS[0], tensors[0], channel, WIDE),
        _learned(KINDS[1], tensors[1], channel, WIDE),
        _learned(KINDS[2], tensors[2], channel, WIDE),
        _learned(KINDS[3], tensors[3], channel, WIDE),
    )


@triton.jit
def _setting(KIND: tl.constexpr, number, of_channel, random, WIDE: tl.constexpr):
    if KIND == LEARNED:
        value = of_channel
    elif KIND == DRAWN:
        value = widened(random, WIDE)
    else:
        value = tl.full((), number, WIDE)
    return value


@triton.jit
def settings(KINDS: tl.constexpr, numbers, of_channel, random, WIDE: tl.constexpr):
    """Every parameter's value in the type of computation: one for all elements, or one each."""
    return (
        _setting(KINDS[0], numbers[0], of_channel[0], random, WIDE),
        _setting(KINDS[1], numbers[1], of_channel[1], random, WIDE),
        _setting(KINDS[2], numbers[2], of_channel[2], random, WIDE),
        _setting(KINDS[3], numbers[3], of_channel[3], random, WIDE),
    )


@triton.jit
def call(FORMULA: tl.constexpr, x, values):
    """The formula of elements and its parameters; a constant is spread over them."""
    return tl.broadcast_to(FORMULA(x, values), x.shape)


@triton.jit
def derivative(HOW: tl.constexpr, FORMULA: tl.constexpr, VALUE: tl.constexpr, kept, values):
    """The derivative by the input in terms of what was kept."""
    if HOW == "sign":
        of = is_positive(kept, False)
    elif HOW == "sign or nan":
        of = is_positive(kept, True)
    elif HOW == "value":
        of = call(VALUE, kept, values)
    else:
        of = kept
    return call(FORMULA, of, values)
