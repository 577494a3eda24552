"""How strips cover a tensor: the loops of a kernel, compiled by Numba.

Threads claim items of work until none is left.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from rectifiers.backends.cpu.strips import Strip
from rectifiers.backends.cpu.task import Word

__all__ = ["blocks", "inlined", "segments"]

_NEXT, _ITEMS, _BATCH, _ROWS = int(Word.NEXT), int(Word.ITEMS), int(Word.BATCH), int(Word.ROWS)
_LENGTH, _SEGMENT, _SEGMENTS = int(Word.LENGTH), int(Word.SEGMENT), int(Word.SEGMENTS)


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
