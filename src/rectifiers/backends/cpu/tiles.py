"""Vector code for a tile: a tensor whose random numbers are drawn in another order than it lies in memory.

Numbers go by logical order. A tensor of (outer, channels, places) may lie in memory as (outer, places,
channels), as with channels last. A tile is some places of some channels. Its numbers are drawn in logical
order into memory that stays in the inner caches; squares of 8 places and 8 channels are transposed in
registers; then eight places at a time, strips of neighbouring channels, find their numbers in order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from llvmlite import ir
from numba.core import cgutils

from rectifiers.backends.cpu.numbers import LANES
from rectifiers.backends.cpu.philox import drawn
from rectifiers.backends.cpu.strips import Strip, ask, at, constant, word
from rectifiers.backends.cpu.task import Word
from rectifiers.backends.cpu.tiling import BLOCK, MOST_CHANNELS, MOST_NUMBERS

__all__ = ["Tile", "write_tile"]

_I16, _I64 = ir.IntType(16), ir.IntType(64)
_SIZE = 2  # bytes of a number
_LINE = 64  # bytes of a cache line


@dataclass(frozen=True)
class Tile:
    """The arguments of a tile's code: `height` places from `place` on, `width` channels from `channel` on.

    In the task a row is a place, and its elements are the channels.

    Parameters
    ----------
    builder : llvmlite.ir.IRBuilder
    task, outer, place, height, channel, width : llvmlite values of 64-bit integers
        `width` is a multiple of 8.
    """

    builder: Any
    task: Any
    outer: Any
    place: Any
    height: Any
    channel: Any
    width: Any

    def word(self, index: int) -> Any:
        """Read a word of the task."""
        return word(self.builder, self.task, index)

    def row(self, place: Any) -> Any:
        """Number of the row of a place of the tile."""
        b = self.builder
        return b.add(b.mul(self.outer, self.word(Word.ROWS)), b.add(self.place, place))


def write_tile(tile: Tile, write_strip: Callable[[Strip], None], reads: Sequence[tuple[Word, int]]) -> None:
    """Draw the numbers of a tile, then run over its strips.

    Parameters
    ----------
    tile : Tile
    write_strip : callable
    reads : sequence of (Word, int)
        Where the addresses of the tensors are that the strips read, and the size of their elements in bytes.
    """
    b, eight, zero = tile.builder, constant(LANES), constant(0)
    # Up to a block less one element is drawn before what is needed, and behind it.
    logical = b.add(_memory(b, BLOCK + MOST_NUMBERS + BLOCK), constant(_SIZE * BLOCK))
    in_memory = _memory(b, LANES * MOST_CHANNELS)
    _draw(tile, logical, lambda block: _ask(tile, block, reads))
    joined = b.icmp_signed("==", tile.width, tile.word(Word.LENGTH))  # places lie behind each other
    groups = b.udiv(b.add(tile.height, constant(LANES - 1)), eight)
    with cgutils.for_range(b, groups, intp=_I64) as group:
        first = b.mul(group.index, eight)
        _transpose(tile, at(b, logical, first, _SIZE), in_memory)
        rest = b.sub(tile.height, first)
        here = b.select(b.icmp_signed("<", rest, eight), rest, eight)
        count = b.select(joined, constant(1), here)
        length = b.select(joined, b.mul(here, tile.width), tile.width)
        with cgutils.for_range(b, count, intp=_I64) as turn:
            row = tile.row(b.add(first, turn.index))
            numbers = at(b, in_memory, b.mul(turn.index, length), _SIZE)
            write_strip(Strip(b, tile.task, row, tile.channel, length, zero, numbers))


def _draw(tile: Tile, target: Any, beside: Callable[[Any], None]) -> None:
    """Draw the numbers of a tile, those of a channel `PITCH` behind those of the one before.

    Where a tile has all places its channels are one run of numbers. Elsewhere each channel is a run; where it
    does not fill its blocks there is room between the runs for numbers nobody needs. `beside` writes what is
    done besides for each block, given how many have been drawn.
    """
    b = tile.builder
    places, seed = tile.word(Word.ROWS), tile.word(Word.SEED)
    channel = b.add(b.mul(tile.outer, tile.word(Word.LENGTH)), tile.channel)
    start = b.add(b.mul(channel, places), tile.place)
    whole = b.icmp_signed("==", tile.height, places)
    runs = b.select(whole, constant(1), tile.width)
    length = b.select(whole, b.mul(tile.width, places), tile.height)
    size = constant(BLOCK)
    done = cgutils.alloca_once_value(b, constant(0))  # type: ignore[no-untyped-call]
    with cgutils.for_range(b, runs, intp=_I64) as run:
        first = b.add(start, b.mul(run.index, places))
        block = b.udiv(first, size)
        count = b.sub(b.udiv(b.add(first, b.add(length, constant(BLOCK - 1))), size), block)
        before = b.sub(first, b.mul(block, size))
        base = b.sub(b.mul(run.index, tile.word(Word.PITCH)), before)
        with cgutils.for_range(b, count, intp=_I64) as turn:
            beside(b.load(done))
            b.store(b.add(b.load(done), constant(1)), done)
            place = b.add(base, b.mul(turn.index, size))
            for j, bits in enumerate(drawn(b, b.add(block, turn.index), seed)):
                vector = b.trunc(bits, ir.VectorType(_I16, LANES))
                _store(b, vector, at(b, target, b.add(place, constant(LANES * j)), _SIZE))


def _ask(tile: Tile, block: Any, reads: Sequence[tuple[Word, int]]) -> None:
    """Ask for a block of the tile's elements: while numbers are drawn, memory would have nothing to do."""
    b = tile.builder
    index = b.mul(block, constant(BLOCK))
    place = b.udiv(index, tile.width)
    channel = b.add(tile.channel, b.sub(index, b.mul(place, tile.width)))
    first = b.add(b.mul(tile.row(place), tile.word(Word.LENGTH)), channel)
    for tensor, size in reads:
        address = at(b, tile.word(tensor), first, size)
        for offset in range(0, BLOCK * size, _LINE):
            ask(b, b.add(address, constant(offset)), 2)


def _transpose(tile: Tile, source: Any, target: Any) -> None:
    """Bring the numbers of eight places from the order of channels, then places, into that of memory."""
    b, eight = tile.builder, constant(LANES)
    pitch = tile.word(Word.PITCH)
    with cgutils.for_range(b, b.udiv(tile.width, eight), intp=_I64) as turn:
        channel = b.mul(turn.index, eight)
        square = [
            _load(b, at(b, source, b.mul(b.add(channel, constant(i)), pitch), _SIZE)) for i in range(LANES)
        ]
        for i, vector in enumerate(_transposed(b, square)):
            _store(b, vector, at(b, target, b.add(b.mul(tile.width, constant(i)), channel), _SIZE))


def _transposed(b: Any, square: list[Any]) -> list[Any]:
    """Eight vectors the other way round: the first half is interleaved with the second three times."""
    lanes = ir.VectorType(ir.IntType(32), LANES)
    low = ir.Constant(lanes, [0, 8, 1, 9, 2, 10, 3, 11])
    high = ir.Constant(lanes, [4, 12, 5, 13, 6, 14, 7, 15])
    half = LANES // 2
    for _ in range(3):
        square = [
            b.shuffle_vector(one, other, order)
            for one, other in zip(square[:half], square[half:], strict=True)
            for order in (low, high)
        ]
    return square


def _memory(b: Any, count: int) -> Any:
    """Address of memory for so many numbers, on the stack."""
    with b.goto_entry_block():  # Numba's `alloca_once` would fill it with zeros
        pointer = b.alloca(ir.ArrayType(_I16, count))
    pointer.align = _LINE
    return b.ptrtoint(pointer, _I64)


def _load(b: Any, address: Any) -> Any:
    return b.load(b.inttoptr(address, ir.VectorType(_I16, LANES).as_pointer()), align=_SIZE)


def _store(b: Any, vector: Any, address: Any) -> None:
    b.store(vector, b.inttoptr(address, vector.type.as_pointer()), align=_SIZE)
