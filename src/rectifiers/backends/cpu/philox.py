"""Philox 4x32-7, eight counters at once (Salmon, Moraes, Dror & Shaw 2011, Parallel random numbers)."""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from rectifiers.backends.cpu.numbers import LANES

__all__ = ["philox"]

_I32, _I64 = ir.IntType(32), ir.IntType(64)
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)
_ROUNDS = 7  # the fewest that pass BigCrush, as its authors found


def philox(builder: Any, counter: Any, seed: Any) -> list[Any]:
    """Return four vectors of 32 random bits per lane, for the counters counter, ..., counter + 7.

    Parameters
    ----------
    builder : llvmlite.ir.IRBuilder
    counter, seed : llvmlite values of 64-bit integers
        A multiple of 8; the key.
    """
    b = builder
    narrow, wide = ir.VectorType(_I32, LANES), ir.VectorType(_I64, LANES)
    low = b.or_(_spread(b, b.trunc(counter, _I32)), ir.Constant(narrow, list(range(LANES))))
    high = _spread(b, b.trunc(b.lshr(counter, ir.Constant(_I64, 32)), _I32))
    zero = ir.Constant(narrow, [0] * LANES)
    state = [low, high, zero, zero]
    keys = [b.trunc(seed, _I32), b.trunc(b.lshr(seed, ir.Constant(_I64, 32)), _I32)]
    for turn in range(_ROUNDS):
        products = []
        for word, multiplier in zip((state[0], state[2]), _MULTIPLIERS, strict=True):
            product = b.mul(b.zext(word, wide), ir.Constant(wide, [multiplier] * LANES))
            upper = b.lshr(product, ir.Constant(wide, [32] * LANES))
            products.append((b.trunc(upper, narrow), b.trunc(product, narrow)))
        (upper_0, lower_0), (upper_2, lower_2) = products
        key_0, key_1 = (
            _spread(b, b.add(key, ir.Constant(_I32, turn * weyl % 2**32)))
            for key, weyl in zip(keys, _WEYL, strict=True)
        )
        state = [
            b.xor(b.xor(upper_2, state[1]), key_0),
            lower_2,
            b.xor(b.xor(upper_0, state[3]), key_1),
            lower_0,
        ]
    return state


def _spread(b: Any, scalar: Any) -> Any:
    kind = ir.VectorType(_I32, LANES)
    empty = ir.Constant(kind, ir.Undefined)
    first = b.insert_element(empty, scalar, ir.Constant(_I32, 0))
    return b.shuffle_vector(first, empty, ir.Constant(kind, [0] * LANES))
