"""How a tensor whose numbers are drawn in another order than it lies in memory is cut into tiles."""

from __future__ import annotations

__all__ = ["BLOCK", "MOST_CHANNELS", "MOST_NUMBERS", "tile_of"]

BLOCK = 64
"""Neighbours in logical order whose numbers are drawn at once."""

MOST_NUMBERS, MOST_CHANNELS = 1 << 15, 512
"""What a tile has memory for: numbers, with what lies between its channels, and channels."""


def tile_of(channels: int, places: int) -> tuple[int, int, int]:
    """Return places and channels of a tile, and numbers from one channel to the next.

    Where channels fill blocks, or lie behind each other, all numbers that are drawn are needed. Elsewhere it
    takes long channels for most to be, and many for memory to be read in long runs.

    Parameters
    ----------
    channels : int
        A multiple of 8.
    places : int
    """
    if places % BLOCK == 0:
        height = pitch = BLOCK
    elif places <= 4 * BLOCK:
        height = pitch = places
    else:
        bands = -(-places // (3 * BLOCK))
        height = -(-places // (8 * bands)) * 8
        pitch = height + BLOCK
    most = min(MOST_CHANNELS, MOST_NUMBERS // pitch // BLOCK * BLOCK)
    beside = -(-channels // most)
    width = -(-channels // (32 * beside)) * 32  # in whole cache lines for any type
    return height, min(channels, width), pitch
