"""How strips cover a tensor: the loops of a kernel, compiled by Numba.

Threads claim items of work until none is left.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from rectifiers.backends.cpu.strips import Strip
from rectifiers.backends.cpu.task import Word
from rectifiers.backends.cpu.tiles import Tile, write_tile

__all__ = ["blocks", "inlined", "segments", "tiled", "tiles"]

_NEXT, _ITEMS, _BATCH, _ROWS = int(Word.NEXT), int(Word.ITEMS), int(Word.BATCH), int(Word.ROWS)
_LENGTH, _SEGMENT, _SEGMENTS = int(Word.LENGTH), int(Word.SEGMENT), int(Word.SEGMENTS)
_HEIGHT = int(Word.HEIGHT)


@intrinsic
def _read(typing: Any, task: Any, index: Any) -> Any:
    """Read a word of the task."""

    def write(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        task, index = args
        address = builder.add(task, builder.mul(index, ir.Constant(index.type, 8)))
        return builder.load(builder.inttoptr(address, index.type.as_pointer()), align=8)

    return types.intp(types.intp, types.intp), write


@intrinsic
def _take(typing: Any, task: Any, count: Any) -> Any:
    """Take the next `count` items for this thread alone; return the first."""

    def write(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        task, count = args
        pointer = builder.inttoptr(task, count.type.as_pointer())
        return builder.atomic_rmw("add", pointer, count, "monotonic")

    return types.intp(types.intp, types.intp), write


@intrinsic
def _divide(typing: Any, a: Any, b: Any) -> Any:
    """``a // b`` of numbers that are not negative, b not 0: Numba's own would bring an exception along."""

    def write(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.udiv(*args)

    return types.intp(types.intp, types.intp), write


# Numba passes the first argument itself.
_word, _claim, _quotient = cast("tuple[Callable[..., int], ...]", (_read, _take, _divide))


def inlined(write_strip: Callable[[Strip], None]) -> Any:
    """Return ``strip(task, row, position, length, item)`` for Numba's code, written where it is called."""

    @intrinsic
    def strip(typing: Any, task: Any, row: Any, position: Any, length: Any, item: Any) -> Any:
        def write(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            write_strip(Strip(builder, *args))
            return ir.Constant(ir.IntType(64), 0)

        return types.intp(types.intp, types.intp, types.intp, types.intp, types.intp), write

    return strip


def tiled(write_strip: Callable[[Strip], None], reads: Sequence[tuple[Word, int]]) -> Any:
    """Return ``tile(task, outer, place, height, channel, width)`` for Numba's code: see `write_tile`."""

    @intrinsic
    def tile(typing: Any, task: Any, outer: Any, place: Any, height: Any, channel: Any, width: Any) -> Any:
        def write(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            write_tile(Tile(builder, *args), write_strip, reads)
            return ir.Constant(ir.IntType(64), 0)

        return types.intp(types.intp, types.intp, types.intp, types.intp, types.intp, types.intp), write

    return tile


def segments(strip: Any) -> Callable[[int], None]:
    """Every row in segments; an item is a segment."""

    def walk(task: int) -> None:
        items, batch = _word(task, _ITEMS), _word(task, _BATCH)
        length, size, count = _word(task, _LENGTH), _word(task, _SEGMENT), _word(task, _SEGMENTS)
        item = _claim(task, batch)
        while item < items:
            last = min(item + batch, items)
            row = _quotient(item, count)
            position = (item - row * count) * size
            while item < last:
                strip(task, row, position, min(size, length - position), item)
                item += 1
                position += size
                if position >= length:
                    position = 0
                    row += 1
            item = _claim(task, batch)

    return walk


def blocks(strip: Any) -> Callable[[int], None]:
    """Whole rows; an item is a block of neighbouring rows."""

    def walk(task: int) -> None:
        items, batch = _word(task, _ITEMS), _word(task, _BATCH)
        rows, length, size = _word(task, _ROWS), _word(task, _LENGTH), _word(task, _SEGMENT)
        item = _claim(task, batch)
        while item < items:
            for block in range(item, min(item + batch, items)):
                for row in range(block * size, min((block + 1) * size, rows)):
                    strip(task, row, 0, length, block)
            item = _claim(task, batch)

    return walk


def tiles(tile: Any) -> Callable[[int], None]:
    """Places of channels in tiles; an item is a tile, and the next one lies beside it."""

    def walk(task: int) -> None:
        items, batch = _word(task, _ITEMS), _word(task, _BATCH)
        places, channels = _word(task, _ROWS), _word(task, _LENGTH)
        height, width, count = _word(task, _HEIGHT), _word(task, _SEGMENT), _word(task, _SEGMENTS)
        down = _quotient(places + height - 1, height)
        item = _claim(task, batch)
        while item < items:
            for index in range(item, min(item + batch, items)):
                band = _quotient(index, count)
                outer = _quotient(band, down)
                place, channel = (band - outer * down) * height, (index - band * count) * width
                tile(task, outer, place, min(height, places - place), channel, min(width, channels - channel))
            item = _claim(task, batch)

    return walk
