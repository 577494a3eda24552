"""A task: the block of 64-bit words through which a kernel learns what to do, and threads share it."""

from __future__ import annotations

import ctypes
import struct
import threading
from enum import IntEnum

__all__ = ["PARAMETERS", "Word", "packed"]


class Word(IntEnum):
    """What each word of a task holds."""

    NEXT = 0  # the first item nobody has claimed; threads add to it
    ITEMS = 1  # number of items of work
    BATCH = 2  # items claimed at a time
    ROWS = 3  # an item is a segment of a row, or, in blocks, SEGMENT whole rows
    LENGTH = 4  # elements of a row
    SEGMENT = 5  # elements of a segment
    SEGMENTS = 6  # segments of a row
    STREAM = 7  # 1: write past the caches
    A = 8  # addresses of tensors
    B = 9
    C = 10
    D = 11
    CHANNELS = 12
    SEED = 13


PARAMETERS = len(Word)
"""Index of the first parameter: a float64, or the address of the values per channel."""

_MOST = 16  # parameters


class _Buffer(threading.local):
    """One block a thread, reused: a call returns before the thread can make another."""

    def __init__(self) -> None:
        self.block = ctypes.create_string_buffer(8 * (PARAMETERS + _MOST) + 64)
        self.offset = -ctypes.addressof(self.block) % 64  # a cache line of its own for NEXT
        self.address = ctypes.addressof(self.block) + self.offset


_buffer = _Buffer()
_packers = {
    (integers, reals): struct.Struct(f"={integers}q{reals}d")
    for integers in range(PARAMETERS, PARAMETERS + 1)
    for reals in range(_MOST + 1)
}


def packed(words: tuple[int, ...], parameters: tuple[float, ...] = ()) -> int:
    """Write a task and return its address, valid until this thread's next call.

    Parameters
    ----------
    words : tuple of int
        One per `Word`, in order; 0 for those that are left out at the end.
    parameters : tuple of float
        An address goes as a float64: it is below 2^53.
    """
    buffer = _buffer
    words += (0,) * (PARAMETERS - len(words))
    _packers[PARAMETERS, len(parameters)].pack_into(buffer.block, buffer.offset, *words, *parameters)
    return buffer.address
