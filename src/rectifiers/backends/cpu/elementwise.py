"""Strips of elementwise activations: any record's formulas, forward and backward.

Parameters are told apart by `kinds`: "number", "draw", "reciprocal draw", "channels", or the word of a
`Choice` in a tuple. `across` says whether neighbours belong to different channels, or a row to one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from llvmlite import ir

from rectifiers.activations import Elementwise, Learned
from rectifiers.backends._binding import rebind
from rectifiers.backends.cpu.cells import CELLS
from rectifiers.backends.cpu.numbers import LANES, Number, Truth, Writer, splat, vector
from rectifiers.backends.cpu.primitives import inexact, primitives, where
from rectifiers.backends.cpu.strips import Strip, Word, at, constant, fetch, mask_of, read_bits, write_bits

__all__ = ["slope", "value"]

Kinds = tuple[Any, ...]
_I16, _I32, _I64 = (ir.IntType(bits) for bits in (16, 32, 64))
_DRAWN = 32  # neighbours whose numbers are drawn at once


def value(strip: Strip, record: Elementwise, kinds: Kinds, dtype: Any, across: bool, keep: bool) -> None:
    """A = y = f(x), B = x, C = packed bits, whether x is positive, if `keep`."""
    b, cells = strip.builder, CELLS[dtype]
    w = Writer(b, inexact(record.value))
    f = rebind(record.value, primitives)
    first = b.add(b.mul(strip.row, strip.word(Word.LENGTH)), strip.position)
    y_base, x_base = (at(b, strip.word(word), first, cells.size) for word in (Word.A, Word.B))
    bits = b.add(strip.word(Word.C), b.lshr(first, constant(3)))
    values = _values(strip, w, kinds, across)

    def body(offset: Any, mask: Any, stream: bool, drawn: Any = None) -> None:
        address = at(b, x_base, offset, cells.size)
        if stream:
            fetch(b, address)
        x = cells.load(w, address, mask)
        y = w.number(f(Number(w, x), *values(offset, mask, drawn))).vector
        cells.store(w, at(b, y_base, offset, cells.size), y, mask, stream=stream)
        if keep:
            compare = b.fcmp_unordered if record.nan_is_positive else b.fcmp_ordered
            write_bits(b, b.add(bits, b.lshr(offset, constant(3))), compare(">", x, w.literal(0.0)))

    _run(strip, kinds, body)


def slope(strip: Strip, record: Elementwise, kinds: Kinds, dtype: Any, across: bool, keeps: str) -> None:
    """A = gx = g times the derivative, B = g, C = what is kept, D = sums for the learned parameters."""
    b, cells = strip.builder, CELLS[dtype]
    exact = record.derivative_of_input if keeps == "input" else None
    composed = keeps == "input" and exact is None and record.keeps == "output"
    learned = [p.derivative for p in record.parameters.values() if isinstance(p, Learned)]
    formulas = [exact or record.derivative, *learned, *([record.value] if composed else [])]
    w = Writer(b, any(map(inexact, formulas)))
    df = rebind(formulas[0], primitives)
    first = b.add(b.mul(strip.row, strip.word(Word.LENGTH)), strip.position)
    gx_base, g_base = (at(b, strip.word(word), first, cells.size) for word in (Word.A, Word.B))
    packed, kept_base = b.lshr(first, constant(3)), strip.word(Word.C)
    kept_base = b.add(kept_base, packed) if keeps == "sign" else at(b, kept_base, first, cells.size)
    values = _values(strip, w, kinds, across)
    sums = [_Sum(strip, w, rebind(f, primitives), j, len(learned), across) for j, f in enumerate(learned)]

    def body(offset: Any, mask: Any, stream: bool, drawn: Any = None) -> None:
        def load(base: Any) -> Number:
            address = at(b, base, offset, cells.size)
            if stream:
                fetch(b, address)
            return Number(w, cells.load(w, address, mask))

        g = load(g_base)
        if keeps == "sign":
            kept: Any = Truth(w, read_bits(b, b.add(kept_base, b.lshr(offset, constant(3)))))
        else:
            kept = load(kept_base)
        numbers = values(offset, mask, drawn)
        argument = kept
        if composed:
            argument = rebind(record.value, primitives)(kept, *numbers)
        elif keeps == "input" and record.keeps == "sign":
            argument = ~(kept <= 0.0) if record.nan_is_positive else kept > 0.0
        gx = w.number(_times(g, df(argument, *numbers))).vector
        cells.store(w, at(b, gx_base, offset, cells.size), gx, mask, stream=stream)
        for total in sums:
            total.add(kept, g, numbers, offset, mask)

    _run(strip, kinds, body)
    for total in sums:
        total.finish()


def _values(strip: Strip, w: Writer, kinds: Kinds, across: bool) -> Callable[..., list[Any]]:
    """Read the task and return what gives the parameters' values at an offset of the strip."""
    b, index = strip.builder, int(Word.PARAMETERS)
    floats = CELLS[torch.float32]
    fixed: list[Any] = []

    def number() -> Any:
        nonlocal index
        index += 1
        return b.fptrunc(b.bitcast(strip.word(index - 1), ir.DoubleType()), ir.FloatType())

    for kind in kinds:
        if isinstance(kind, tuple):
            fixed.append(kind[0])
        elif kind == "number":
            fixed.append(w.spread(number()))
        elif "draw" in kind:
            fixed.append((splat(b, number()), splat(b, number())))
        else:
            fixed.append(strip.word(index))
            index += 1
            if not across:
                channel = b.urem(strip.row, strip.word(Word.CHANNELS))
                address = b.inttoptr(at(b, fixed.pop(), channel, 4), ir.FloatType().as_pointer())
                fixed.append(w.spread(b.load(address, align=4)))

    def values(offset: Any, mask: Any, drawn: Any) -> list[Any]:
        found = list(fixed)
        for place, kind in enumerate(kinds):
            if kind == "channels" and across:
                address = at(b, fixed[place], b.add(strip.position, offset), 4)
                found[place] = Number(w, floats.load(w, address, mask))
            elif "draw" in kind:
                base, step = fixed[place]
                drawn_value = b.fadd(base, b.fmul(step, b.sitofp(drawn, step.type)))
                if kind == "reciprocal draw":
                    drawn_value = b.fdiv(vector(ir.FloatType(), 1.0), drawn_value)
                found[place] = Number(w, b.fpext(drawn_value, w.vector) if w.double else drawn_value)
        return found

    return values


def _run(strip: Strip, kinds: Kinds, body: Callable[..., None]) -> None:
    """Run over the strip in vectors, or in several at once where numbers are to be drawn."""
    b = strip.builder
    if not any("draw" in kind for kind in kinds):
        strip.run(lambda offset, rest, stream: body(offset, mask_of(b, rest), stream))
        return

    def block(offset: Any, rest: Any, stream: bool) -> None:
        for j, drawn in enumerate(_drawn(b, b.add(strip.position, offset), strip.word(Word.SEED))):
            place = b.add(offset, constant(LANES * j))
            if rest is None:
                body(place, None, stream, drawn)
            else:
                with b.if_then(b.icmp_signed(">", rest, constant(LANES * j))):
                    body(place, mask_of(b, rest, LANES * j), stream, drawn)

    strip.run(block, _DRAWN)


def _drawn(b: Any, first: Any, seed: Any) -> list[Any]:
    """Return 16 random bits for each element of a block from `first` on, as `Draw` has it: four vectors."""
    gamma = 0x9E3779B97F4A7C15
    start = b.add(seed, b.mul(b.lshr(first, constant(2)), constant(gamma)))
    z = b.add(splat(b, start), vector(_I64, *(gamma * (lane + 1) % 2**64 for lane in range(LANES))))
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        z = b.mul(b.xor(z, b.lshr(z, vector(_I64, shift))), vector(_I64, factor))
    z = b.xor(z, b.lshr(z, vector(_I64, 31)))
    bits = b.bitcast(z, ir.VectorType(_I16, _DRAWN))
    picks = (vector(_I32, *range(j, j + LANES)) for j in range(0, _DRAWN, LANES))
    wide = ir.VectorType(_I32, LANES)
    return [
        b.zext(b.shuffle_vector(bits, ir.Constant(bits.type, ir.Undefined), pick), wide) for pick in picks
    ]


def _times(g: Number, slope: Any) -> Number:
    """A gradient times a derivative; where that is 0 or 1 by choice, infinity and NaN do not get through."""
    w = g.writer
    if isinstance(slope, int | float):
        return g if slope == 1 else w.number(0.0) if slope == 0 else g * slope
    result: Number
    if slope.choice is None:
        result = g * slope
    else:
        condition, yes, no = slope.choice
        result = where(condition, _times(g, yes), _times(g, no))
    return result


class _Sum:
    """Sum of g times the derivative by one learned parameter, in float64, in an order that is fixed.

    Along a row it is kept in registers and ends in one number per item; across channels there is a row of
    sums per item, padded to whole vectors.
    """

    def __init__(self, strip: Strip, w: Writer, formula: Any, index: int, count: int, across: bool) -> None:
        b = strip.builder
        self.strip, self.w, self.formula, self.across = strip, w, formula, across
        self.kind = ir.VectorType(ir.DoubleType(), LANES)
        place = b.add(b.mul(strip.item, constant(count)), constant(index))
        if across:
            place = b.mul(
                place, b.and_(b.add(strip.word(Word.LENGTH), constant(LANES - 1)), constant(-LANES))
            )
        else:
            with b.goto_entry_block():
                self.total = b.alloca(self.kind)
            b.store(vector(ir.DoubleType(), 0.0), self.total)
        self.base = at(b, strip.word(Word.D), place, 8)

    def add(self, kept: Number, g: Number, numbers: list[Any], offset: Any, mask: Any) -> None:
        """Add the elements of one vector."""
        w, b = self.w, self.w.builder
        product = w.number(_times(g, self.formula(kept, *numbers))).vector
        wide = product if w.double else b.fpext(product, self.kind)
        if mask is not None:  # a derivative may be infinite where there is no element
            wide = b.select(mask, wide, vector(ir.DoubleType(), 0.0))
        pointer = self._across(offset) if self.across else self.total
        b.store(b.fadd(b.load(pointer, align=8), wide), pointer, align=8)

    def _across(self, offset: Any) -> Any:
        b = self.w.builder
        address = at(b, self.base, b.add(self.strip.position, offset), 8)
        return b.inttoptr(address, self.kind.as_pointer())

    def finish(self) -> None:
        """Write the sum of the item."""
        if self.across:
            return
        b = self.w.builder
        parts = [b.extract_element(b.load(self.total), ir.Constant(_I32, lane)) for lane in range(LANES)]
        while len(parts) > 1:
            parts = [b.fadd(parts[i], parts[i + 1]) for i in range(0, len(parts), 2)]
        b.store(parts[0], b.inttoptr(self.base, ir.DoubleType().as_pointer()), align=8)
