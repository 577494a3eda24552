"""Strips of CReLU: the positive and the negative part, and which one is not 0."""

from __future__ import annotations

from typing import Any

from rectifiers.backends.cpu.cells import CELLS, Cells
from rectifiers.backends.cpu.numbers import Writer, vector
from rectifiers.backends.cpu.strips import Strip, Word, at, constant, fetch, mask_of, read_bits, write_bits

__all__ = ["slope", "value"]


def value(strip: Strip, dtype: Any, keep: bool) -> None:
    """A = y, B = x, C = packed bits x > 0 and x < 0, both set for NaN, a byte of each by turns."""
    b, cells = strip.builder, CELLS[dtype]
    w = Writer(b, double=False)
    half = _Halves(strip, cells)
    y_base, x_base, signs = (strip.word(word) for word in (Word.A, Word.B, Word.C))

    def body(offset: Any, rest: Any, stream: bool) -> None:
        mask = mask_of(b, rest)
        address = half.whole(x_base, offset)
        if stream:
            fetch(b, address)
        # Chosen in the type in which it is stored and compared: between two types LLVM (20) makes a maximum
        # of it, for which -0 is as good as 0.
        stored = cells.read(b, address, mask)
        x = cells.widen(w, stored) if cells.brain else stored
        zero = vector(x.type.element, 0.0)
        above, below = b.fcmp_ordered(">", x, zero), b.fcmp_ordered("<", x, zero)
        none = vector(cells.stored, 0 if cells.brain else 0.0)
        negative = b.xor(stored, vector(cells.stored, 1 << 15)) if cells.brain else b.fneg(stored)
        for j, value in enumerate((b.select(below, none, stored), b.select(above, none, negative))):
            cells.write(b, half.part(y_base, offset, j), value, mask, stream=stream)
            if keep:
                write_bits(b, half.sign(signs, offset, j), b.fcmp_unordered("><"[j], x, zero))

    strip.run(body)


def slope(strip: Strip, dtype: Any) -> None:
    """A = gx, B = g, C = packed bits."""
    b, cells = strip.builder, CELLS[dtype]
    w = Writer(b, double=False)
    half = _Halves(strip, cells)
    gx_base, g_base, signs = (strip.word(word) for word in (Word.A, Word.B, Word.C))

    def body(offset: Any, rest: Any, stream: bool) -> None:
        mask = mask_of(b, rest)
        addresses = [half.part(g_base, offset, j) for j in (0, 1)]
        if stream:
            for address in addresses:
                fetch(b, address)
        above, below = (read_bits(b, half.sign(signs, offset, j)) for j in (0, 1))
        first, second = (cells.load(w, address, mask) for address in addresses)
        none = w.literal(0.0)
        gx = b.fsub(b.select(above, first, none), b.select(below, second, none))
        cells.store(w, half.whole(gx_base, offset), gx, mask, stream=stream)

    strip.run(body)


class _Halves:
    """Where both halves of a row of CReLU lie."""

    def __init__(self, strip: Strip, cells: Cells) -> None:
        b = strip.builder
        self.strip, self.cells = strip, cells
        self.length = strip.word(Word.LENGTH)
        row_bytes = b.lshr(b.add(self.length, constant(7)), constant(3))
        self.byte = b.add(b.mul(strip.row, row_bytes), b.lshr(strip.position, constant(3)))

    def whole(self, base: Any, offset: Any) -> Any:
        """Address in the tensor that is one half long."""
        b = self.strip.builder
        index = b.add(b.mul(self.strip.row, self.length), b.add(self.strip.position, offset))
        return at(b, base, index, self.cells.size)

    def part(self, base: Any, offset: Any, half: int) -> Any:
        """Address in the tensor of two halves."""
        b = self.strip.builder
        row = b.add(b.shl(self.strip.row, constant(1)), constant(half))
        index = b.add(b.mul(row, self.length), b.add(self.strip.position, offset))
        return at(b, base, index, self.cells.size)

    def sign(self, base: Any, offset: Any, half: int) -> Any:
        """Address of a byte of signs."""
        b = self.strip.builder
        index = b.shl(b.add(self.byte, b.lshr(offset, constant(3))), constant(1))
        return b.add(base, b.add(index, constant(half)))
