"""Philox 4x32-7, eight counters at once (Salmon, Moraes, Dror & Shaw 2011, Parallel random numbers)."""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from rectifiers.backends.cpu.numbers import LANES

__all__ = ["drawn"]

_I32, _I64 = ir.IntType(32), ir.IntType(64)
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)
_ROUNDS = 7  # the fewest that pass BigCrush, as its authors found


def drawn(builder: Any, block: Any, seed: Any) -> list[Any]:
    """Return the numbers of a block's elements, eight vectors of 16 bits in lanes of 32.

    Parameters
    ----------
    builder : llvmlite.ir.IRBuilder
    block, seed : llvmlite values of 64-bit integers
    """
    b = builder
    kind = ir.VectorType(_I32, LANES)
    low, upper = ir.Constant(kind, [0xFFFF] * LANES), ir.Constant(kind, [16] * LANES)
    words = _philox(b, b.shl(block, ir.Constant(_I64, 3)), seed)
    return [half for word in words for half in (b.and_(word, low), b.lshr(word, upper))]


def _philox(builder: Any, counter: Any, seed: Any) -> list[Any]:
    """Return four vectors of 32 random bits per lane, for the counters counter, ..., counter + 7.

    Parameters
    ----------
    builder : llvmlite.ir.IRBuilder
    counter, seed : llvmlite values of 64-bit integers
        A multiple of 8; the key.
    """
    b = builder
    # In lanes of 64 bits, of which the upper half is left as it comes: that saves all packing between rounds.
    wide = ir.VectorType(_I64, LANES)
    half, thirty_two = ir.Constant(wide, [0xFFFFFFFF] * LANES), ir.Constant(wide, [32] * LANES)
    low = b.or_(_spread(b, counter), ir.Constant(wide, list(range(LANES))))
    zero = ir.Constant(wide, [0] * LANES)
    state = [low, b.lshr(low, thirty_two), zero, zero]
    keys = [b.trunc(seed, _I32), b.trunc(b.lshr(seed, ir.Constant(_I64, 32)), _I32)]
    for turn in range(_ROUNDS):
        first, second = (
            b.mul(b.and_(word, half), ir.Constant(wide, [multiplier] * LANES))
            for word, multiplier in zip((state[0], state[2]), _MULTIPLIERS, strict=True)
        )
        key_0, key_1 = (
            _spread(b, b.zext(b.add(key, ir.Constant(_I32, turn * weyl % 2**32)), _I64))
            for key, weyl in zip(keys, _WEYL, strict=True)
        )
        state = [
            b.xor(b.xor(b.lshr(second, thirty_two), state[1]), key_0),
            second,
            b.xor(b.xor(b.lshr(first, thirty_two), state[3]), key_1),
            first,
        ]
    return [b.trunc(word, ir.VectorType(_I32, LANES)) for word in state]


def _spread(b: Any, scalar: Any) -> Any:
    kind = ir.VectorType(_I64, LANES)
    empty = ir.Constant(kind, ir.Undefined)
    first = b.insert_element(empty, scalar, ir.Constant(_I32, 0))
    return b.shuffle_vector(first, empty, ir.Constant(ir.VectorType(_I32, LANES), [0] * LANES))
