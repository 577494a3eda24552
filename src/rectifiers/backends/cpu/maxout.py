"""Strips of Maxout: the largest of k pieces, and which one it was."""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from rectifiers.backends.cpu.cells import CELLS, Cells
from rectifiers.backends.cpu.numbers import LANES, Writer, vector
from rectifiers.backends.cpu.strips import Strip, Word, at, constant, fetch, mask_of, read_bits, write_bits

__all__ = ["slope", "value"]

_I32 = ir.IntType(32)


def value(strip: Strip, dtype: Any, pieces: int, side_by_side: bool, keep: bool) -> None:
    """A = y, B = x, C = packed winners: per vector of outputs a byte for each bit of the winner's number."""
    b, cells = strip.builder, CELLS[dtype]
    w = Writer(b, double=False)
    out = _Pieces(strip, cells, pieces, side_by_side)
    x_base, winners = strip.word(Word.B), strip.word(Word.C)
    y_base = at(b, strip.word(Word.A), out.first, cells.size)

    def body(offset: Any, rest: Any, stream: bool) -> None:
        mask = mask_of(b, rest)
        candidates = out.load(w, x_base, offset, rest, stream)
        best, planes = candidates[0], [vector(ir.IntType(1), 0)] * out.planes
        for number, piece in enumerate(candidates[1:], 1):
            # a later piece wins if it is larger, or the first NaN
            stays = b.or_(b.fcmp_ordered("<=", piece, best), b.fcmp_unordered("uno", best, best))
            best = b.select(stays, best, piece)
            if keep:
                planes = [
                    b.or_(plane, b.not_(stays)) if number >> p & 1 else b.and_(plane, stays)
                    for p, plane in enumerate(planes)
                ]
        cells.store(w, at(b, y_base, offset, cells.size), best, mask, stream=stream)
        if keep:
            for p, plane in enumerate(planes):
                write_bits(b, out.winner(winners, offset, p), plane)

    strip.run(body)


def slope(strip: Strip, dtype: Any, pieces: int, side_by_side: bool) -> None:
    """A = gx, B = g, C = packed winners."""
    b, cells = strip.builder, CELLS[dtype]
    w = Writer(b, double=False)
    out = _Pieces(strip, cells, pieces, side_by_side)
    gx_base, winners = strip.word(Word.A), strip.word(Word.C)
    g_base = at(b, strip.word(Word.B), out.first, cells.size)

    def body(offset: Any, rest: Any, stream: bool) -> None:
        mask = mask_of(b, rest)
        g = cells.load(w, at(b, g_base, offset, cells.size), mask)
        planes = [read_bits(b, out.winner(winners, offset, p)) for p in range(out.planes)]
        parts = []
        for number in range(pieces):
            chosen = None
            for p, plane in enumerate(planes):
                bit = plane if number >> p & 1 else b.not_(plane)
                chosen = bit if chosen is None else b.and_(chosen, bit)
            parts.append(g if chosen is None else b.select(chosen, g, w.literal(0.0)))
        out.store(w, gx_base, offset, rest, parts, stream)

    strip.run(body)


class _Pieces:
    """Where the pieces of a group lie: side by side, or a row apart."""

    def __init__(self, strip: Strip, cells: Cells, pieces: int, side_by_side: bool) -> None:
        b = strip.builder
        self.strip, self.cells, self.pieces, self.side_by_side = strip, cells, pieces, side_by_side
        self.planes = (pieces - 1).bit_length()
        self.length = strip.word(Word.LENGTH)
        self.first = b.add(b.mul(strip.row, self.length), strip.position)
        bytes_of_row = b.lshr(b.add(self.length, constant(7)), constant(3))
        self.byte = b.add(b.mul(strip.row, bytes_of_row), b.lshr(strip.position, constant(3)))

    def winner(self, base: Any, offset: Any, plane: int) -> Any:
        """Address of a byte of winners."""
        b = self.strip.builder
        index = b.mul(b.add(self.byte, b.lshr(offset, constant(3))), constant(self.planes))
        return b.add(base, b.add(index, constant(plane)))

    def _address(self, base: Any, offset: Any, piece: int) -> Any:
        b = self.strip.builder
        if self.side_by_side:
            index = b.mul(b.add(self.first, offset), constant(self.pieces))
            return at(b, base, b.add(index, constant(LANES * piece)), self.cells.size)
        row = b.add(b.mul(self.strip.row, constant(self.pieces)), constant(piece))
        index = b.add(b.mul(row, self.length), b.add(self.strip.position, offset))
        return at(b, base, index, self.cells.size)

    def _masks(self, rest: Any) -> list[Any]:
        b = self.strip.builder
        if rest is None or not self.side_by_side:
            return [mask_of(b, rest)] * self.pieces
        elements = b.mul(rest, constant(self.pieces))
        return [mask_of(b, elements, LANES * j) for j in range(self.pieces)]

    def load(self, w: Writer, base: Any, offset: Any, rest: Any, stream: bool) -> list[Any]:
        """Read the pieces of eight groups."""
        vectors = []
        for j, mask in enumerate(self._masks(rest)):
            address = self._address(base, offset, j)
            if stream:
                fetch(w.builder, address)
            vectors.append(self.cells.load(w, address, mask))
        if not self.side_by_side:
            return vectors
        return [
            self._gather(w, vectors, [i * self.pieces + j for i in range(LANES)]) for j in range(self.pieces)
        ]

    def store(self, w: Writer, base: Any, offset: Any, rest: Any, parts: list[Any], stream: bool) -> None:
        """Write the pieces of eight groups."""
        if self.side_by_side:
            k = self.pieces
            order = [[LANES * (e % k) + e // k for e in range(LANES * j, LANES * (j + 1))] for j in range(k)]
            parts = [self._gather(w, parts, lanes) for lanes in order]
        for j, (part, mask) in enumerate(zip(parts, self._masks(rest), strict=True)):
            self.cells.store(w, self._address(base, offset, j), part, mask, stream=stream)

    def _gather(self, w: Writer, vectors: list[Any], lanes: list[int]) -> Any:
        """A vector of the given lanes, counted through all vectors."""
        result = vectors[0]
        for number in sorted({lane // LANES for lane in lanes}):
            picks = [LANES + lane % LANES if lane // LANES == number else i for i, lane in enumerate(lanes)]
            result = w.builder.shuffle_vector(result, vectors[number], vector(_I32, *picks))
        return result
