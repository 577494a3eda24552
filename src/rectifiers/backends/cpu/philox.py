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
    counters = b.or_(_spread(b, b.shl(block, ir.Constant(_I64, 3))), _wide(*range(LANES)))
    words = _philox(b, counters, seed)
    return [half for word in words for half in (b.and_(word, low), b.lshr(word, upper))]


def _philox(builder: Any, counters: Any, seed: Any) -> list[Any]:
    """Return four vectors of 32 random bits per lane.

    Parameters
    ----------
    builder : llvmlite.ir.IRBuilder
    counters : llvmlite vector of 64-bit integers
    seed : llvmlite value of a 64-bit integer
        The key.
    """
    b = builder
    # In lanes of 64 bits, of which the upper half is left as it comes: that saves all packing between rounds.
    half, thirty_two, zero = _wide(0xFFFFFFFF), _wide(32), _wide(0)
    state = [counters, b.lshr(counters, thirty_two), zero, zero]
    keys = [b.trunc(seed, _I32), b.trunc(b.lshr(seed, ir.Constant(_I64, 32)), _I32)]
    for turn in range(_ROUNDS):
        first, second = (
            b.mul(b.and_(word, half), _wide(multiplier))
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


def _wide(*values: int) -> Any:
    """A vector of 64-bit constants, one per lane or the same for all."""
    return ir.Constant(ir.VectorType(_I64, LANES), list(values) * (LANES // len(values)))


def _spread(b: Any, scalar: Any) -> Any:
    kind = ir.VectorType(_I64, LANES)
    empty = ir.Constant(kind, ir.Undefined)
    first = b.insert_element(empty, scalar, ir.Constant(_I32, 0))
    return b.shuffle_vector(first, empty, ir.Constant(ir.VectorType(_I32, LANES), [0] * LANES))
