# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"
# (Triton's language has no types; its decorator reads the source of what it decorates.)
"""Pieces of kernels: how elements are loaded, stored, drawn and called upon.

A program takes 8 rows of SIZE elements, one after the other in memory, and packs one bit per row into SIZE
bytes. Positions are int64 throughout; numbers are float32.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import triton
import triton.language as tl

__all__ = [
    "INTERPRETED",
    "call",
    "drawn",
    "first_of",
    "is_positive",
    "load",
    "positions",
    "quotient",
    "rounded",
    "store",
    "widened",
    "write",
]

INTERPRETED = bool(triton.knobs.runtime.interpret)


@triton.jit
def first_of(program, SIZE: tl.constexpr):
    """The first element of a program."""
    return program.to(tl.int64) * (8 * SIZE)


@triton.jit
def positions(first, row, SIZE: tl.constexpr):
    """Where the elements of a row are."""
    return first + (tl.arange(0, SIZE) + row * SIZE)


@triton.jit
def is_positive(x, NAN: tl.constexpr):
    """Whether elements are positive; `NAN` says whether NaN is."""
    return (x > 0) | (x != x) if NAN else x > 0


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
    """Store float32 elements, rounded once to the type of the tensor."""
    write(pointer, where, rounded(value, pointer.dtype.element_ty), mask, FULL)


@triton.jit
def write(pointer, where, narrow, mask, FULL: tl.constexpr):
    """Store elements of the type of the tensor."""
    if FULL:
        tl.store(pointer + where, narrow)
    else:
        tl.store(pointer + where, narrow, mask=mask)


@triton.jit
def drawn(first, draw, SIZE: tl.constexpr, RECIPROCAL: tl.constexpr):
    """The numbers of SIZE neighbouring elements from `first` on, as `Draw` has them."""
    seed, base, step = draw
    z = (first // 4 + tl.arange(0, SIZE // 4) + 1).to(tl.uint64) * 0x9E3779B97F4A7C15 + seed.to(tl.uint64)
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB
    z = z ^ (z >> 31)
    parts = tl.join(tl.join(z, z >> 32), tl.join(z >> 16, z >> 48))
    value = tl.reshape((parts & 0xFFFF).to(tl.float32), (SIZE,)) * step + base
    return tl.div_rn(tl.full(value.shape, 1.0, tl.float32), value) if RECIPROCAL else value


@triton.jit
def call(FORMULA: tl.constexpr, RANDOM: tl.constexpr, x, numbers, random):
    """The formula of elements and of its parameters, of which number `RANDOM` is drawn."""
    values = (
        random if RANDOM == 0 else numbers[0],
        random if RANDOM == 1 else numbers[1],
        random if RANDOM == 2 else numbers[2],
        random if RANDOM == 3 else numbers[3],
    )
    return FORMULA(x, values) * tl.full(x.shape, 1.0, tl.float32)  # a constant is spread over them


@triton.jit
def _widened(value):
    return value.to(tl.float32)


@triton.jit
def _rounded(value, narrow: tl.constexpr):
    return value.to(narrow)


def _tile(array: Any, dtype: Any, like: Any) -> Any:
    return tl.tensor(type(like.handle)(array, dtype), tl.block_type(dtype, like.shape))


def _widened_by_numpy(value: Any) -> Any:
    """Triton's interpreter takes subnormal bfloat16 for 0."""
    if value.dtype != tl.bfloat16:
        return value.to(tl.float32)
    return _tile((value.handle.data.astype(np.uint32) << 16).view(np.float32), tl.float32, value)


def _rounded_by_numpy(value: Any, narrow: Any) -> Any:
    """It truncates to bfloat16 where the hardware rounds: to nearest, ties to even."""
    if narrow != tl.bfloat16:
        return value.to(narrow)
    bits = value.handle.data.view(np.uint32)
    nearest = np.where(np.isnan(value.handle.data), 0x7FC0, (bits + 0x7FFF + (bits >> 16 & 1)) >> 16)
    return _tile(nearest.astype(np.uint16), narrow, value)


widened, rounded = (_widened_by_numpy, _rounded_by_numpy) if INTERPRETED else (_widened, _rounded)
