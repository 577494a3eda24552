# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"
# (Triton's language has no types; its decorator reads the source of what it decorates.)
"""Pieces of kernels: where elements lie, how they are loaded, stored and drawn, how formulas are called.

A program of a flat kernel takes 8 * SIZE neighbouring elements in 8 steps, of SIZE elements each, and packs
one bit per step into SIZE bytes. With RUN = SIZE every step is a contiguous stretch. With RUN = 8 step j
takes elements j * 8 to j * 8 + 7 of every 64, so that each lane meets the 8 elements that share a call of
Philox (see `Draw`). Positions are int64 throughout.
"""

from __future__ import annotations

import triton
import triton.language as tl

from rectifiers.backends.gpu.words import rounded, widened

__all__ = [
    "call",
    "derivative",
    "drawn",
    "drawn_at",
    "first_of",
    "load",
    "positions",
    "quotient",
    "settings",
    "store",
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
def positions(first, step, SIZE: tl.constexpr, RUN: tl.constexpr):
    """Where the elements of a step lie."""
    lane = tl.arange(0, SIZE)
    if RUN == SIZE:
        where = first + (lane + step * SIZE)
    else:
        where = first + ((lane // RUN) * (8 * RUN) + step * RUN + lane % RUN)
    return where


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
    narrow = rounded(value, pointer.dtype.element_ty)
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
def drawn(
    first, j: tl.constexpr, seed, base, step, SIZE: tl.constexpr, RECIPROCAL: tl.constexpr, WIDE: tl.constexpr
):
    """The numbers of step j, positions with RUN = 8; all steps share the same calls of Philox."""
    w0, w1, w2, w3 = _philox(first // 8 + tl.arange(0, SIZE), seed)
    if j // 2 == 0:
        word = w0
    elif j // 2 == 1:
        word = w1
    elif j // 2 == 2:
        word = w2
    else:
        word = w3
    return _scaled((word >> (16 * (j % 2))) & 0xFFFF, base, step, RECIPROCAL, WIDE)


@triton.jit
def drawn_at(where, seed, base, step, RECIPROCAL: tl.constexpr, WIDE: tl.constexpr):
    """The numbers of any positions."""
    w0, w1, w2, w3 = _philox(where // 64 * 8 + where % 8, seed)
    j = ((where % 64) // 8).to(tl.int32)
    word = tl.where(j < 4, tl.where(j < 2, w0, w1), tl.where(j < 6, w2, w3))
    return _scaled((word >> (16 * (j % 2)).to(tl.uint32)) & 0xFFFF, base, step, RECIPROCAL, WIDE)


@triton.jit
def _setting(KIND: tl.constexpr, number, pointer, channel, random, WIDE: tl.constexpr):
    if KIND == LEARNED:
        value = widened(tl.load(pointer + channel), WIDE)
    elif KIND == DRAWN:
        value = widened(random, WIDE)
    else:
        value = tl.full((), number, WIDE)
    return value


@triton.jit
def settings(KINDS: tl.constexpr, numbers, tensors, channel, random, WIDE: tl.constexpr):
    """Every parameter's value in the type of computation: one for all elements, or one each."""
    return (
        _setting(KINDS[0], numbers[0], tensors[0], channel, random, WIDE),
        _setting(KINDS[1], numbers[1], tensors[1], channel, random, WIDE),
        _setting(KINDS[2], numbers[2], tensors[2], channel, random, WIDE),
        _setting(KINDS[3], numbers[3], tensors[3], channel, random, WIDE),
    )


@triton.jit
def call(FORMULA: tl.constexpr, x, values):
    """The formula of elements and its parameters; a constant is spread over them."""
    return tl.broadcast_to(FORMULA(x, values), x.shape)


@triton.jit
def derivative(HOW: tl.constexpr, FORMULA: tl.constexpr, VALUE: tl.constexpr, kept, values):
    """The derivative by the input in terms of what was kept."""
    if HOW == "sign":
        of = kept > 0
    elif HOW == "value":
        of = call(VALUE, kept, values)
    else:
        of = kept
    return call(FORMULA, of, values)
