"""Strips of elementwise activations: any record's formulas, forward and backward."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba.core import cgutils

from rectifiers.activations import Elementwise, Learned
from rectifiers.backends._binding import rebind
from rectifiers.backends.cpu.cells import CELLS, SUMS, Cells
from rectifiers.backends.cpu.numbers import LANES, Number, Truth, Writer
from rectifiers.backends.cpu.philox import drawn
from rectifiers.backends.cpu.strips import Strip, at, constant, fetch, mask_of, read_bits, write_bits
from rectifiers.backends.cpu.task import Word
from rectifiers.backends.cpu.trial import inexact, words

__all__ = ["Formulas", "slope", "value"]

_I32 = ir.IntType(32)
BLOCK = 64  # neighbours whose numbers are drawn at once


class Formulas:
    """A record's formulas for the kinds of values it is called with.

    Parameters
    ----------
    record : Elementwise
    kinds : sequence
        Per parameter: "number", "draw", "reciprocal draw", "channels", or the word of a `Choice` in a tuple.
    across : bool
        Whether neighbours belong to different channels; otherwise a row belongs to one.
    """

    def __init__(self, record: Elementwise, kinds: Sequence[Any], *, across: bool) -> None:
        self.record = record
        self.kinds = tuple(kinds)
        self.across = across

    @property
    def draws(self) -> bool:
        """Whether a parameter is random."""
        return any("draw" in kind for kind in self.kinds)

    def of_input(self, w: Writer, formula: Callable[..., Any], x: Any, values: list[Any]) -> Number:
        """The formula of an input, written for each side of 0 apart where words gain from knowing it."""
        if not w.double or callable(self.record.kinks) or list(self.record.kinks) != [0.0]:
            return w.number(formula(Number(w, x), *values))
        above, below = (formula(Number(w, x, positive=positive), *values) for positive in (True, False))
        chosen: Number = words["where"](Number(w, x) > 0.0, above, below)
        return chosen

    def values(self, strip: Strip, w: Writer, cells: Cells) -> Callable[..., list[Any]]:
        """Read the task and return what gives the parameters' values at an offset of the strip."""
        b = strip.builder
        fixed: dict[int, Any] = {}
        index = 0
        drawing = Writer(b, double=False)  # numbers are drawn in float32
        for place, kind in enumerate(self.kinds):
            if isinstance(kind, tuple):
                fixed[place] = kind[0]
                continue
            if kind == "number":
                fixed[place] = w.spread(strip.real(index))
            elif kind == "channels" and self.across:
                fixed[place] = strip.pointer(index)
            elif kind == "channels":
                channel = b.urem(strip.row, strip.word(Word.CHANNELS))
                one = cells.load_one(w, at(b, strip.pointer(index), channel, cells.size))
                fixed[place] = _broadcast(w, one)
            else:
                fixed[place] = (drawing.spread(strip.real(index)), drawing.spread(strip.real(index + 1)))
                index += 1
            index += 1

        def given(offset: Any, mask: Any, drawn: Any = None) -> list[Any]:
            found = []
            for place, kind in enumerate(self.kinds):
                value = fixed[place]
                if kind == "channels" and self.across:
                    address = at(b, value, b.add(strip.position, offset), cells.size)
                    value = Number(w, cells.load(w, address, mask))
                elif "draw" in kind:
                    base, step = value
                    slope = b.fadd(base.vector, b.fmul(step.vector, b.sitofp(drawn, drawing.vector)))
                    if kind == "reciprocal draw":
                        slope = b.fdiv(drawing.literal(1.0), slope)
                    value = Number(w, b.fpext(slope, w.vector) if w.double else slope)
                found.append(value)
            return found

        return given


def _broadcast(w: Writer, one: Any) -> Number:
    zeros = ir.Constant(ir.VectorType(_I32, LANES), [0] * LANES)
    return Number(w, w.builder.shuffle_vector(one, ir.Constant(one.type, ir.Undefined), zeros))


def _times(g: Number, slope: Any) -> Number:
    """A gradient times a derivative; where that is 0 or 1 by choice, infinity and NaN do not get through."""
    w = g.writer
    if isinstance(slope, int | float):
        return g if slope == 1 else w.number(0.0) if slope == 0 else g * slope
    if slope.choice is None:
        product: Number = g * slope
        return product
    condition, yes, no = slope.choice
    chosen: Number = words["where"](condition, _times(g, yes), _times(g, no))
    return chosen


def value(strip: Strip, formulas: Formulas, dtype: Any, keep: bool) -> None:
    """A = x, B = y = f(x), C = packed bits, whether x is positive, if `keep`."""
    b, cells = strip.builder, CELLS[dtype]
    w = Writer(b, inexact(formulas.record.value))
    f = rebind(formulas.record.value, words)
    first = b.add(b.mul(strip.row, strip.word(Word.LENGTH)), strip.position)
    x_base, y_base = (at(b, strip.word(word), first, cells.size) for word in (Word.A, Word.B))
    bits = b.add(strip.word(Word.C), b.lshr(first, constant(3)))
    values = formulas.values(strip, w, cells)

    def vector(offset: Any, mask: Any, stream: bool, drawn: Any = None) -> None:
        address = at(b, x_base, offset, cells.size)
        if stream:
            fetch(b, address)
        x = cells.load(w, address, mask)
        y = formulas.of_input(w, f, x, values(offset, mask, drawn)).vector
        cells.store(w, at(b, y_base, offset, cells.size), y, mask, stream=stream)
        if keep:
            compare = b.fcmp_unordered if formulas.record.nan_is_positive else b.fcmp_ordered
            positive = compare(">", x, w.literal(0.0))
            write_bits(b, b.add(bits, b.lshr(offset, constant(3))), positive)

    _over(strip, formulas, vector)


def _over(strip: Strip, formulas: Formulas, vector: Callable[..., None]) -> None:
    """Run over the strip in vectors, or in blocks where numbers are to be drawn."""
    b = strip.builder
    if not formulas.draws:
        strip.run(lambda offset, rest, stream: vector(offset, mask_of(b, rest), stream))
        return

    def block(offset: Any, rest: Any, stream: bool) -> None:
        index = b.lshr(b.add(strip.position, offset), constant(BLOCK.bit_length() - 1))
        for j, number in enumerate(drawn(b, index, strip.word(Word.SEED))):
            place = b.add(offset, constant(LANES * j))
            if rest is None:
                vector(place, None, stream, number)
            else:
                with b.if_then(b.icmp_signed(">", rest, constant(LANES * j))):
                    vector(place, mask_of(b, rest, LANES * j), stream, number)

    strip.run(block, BLOCK)


def slope(strip: Strip, formulas: Formulas, dtype: Any, keeps: str) -> None:
    """A = what is kept, B = g, C = gx = g times the derivative, D = sums for the learned parameters."""
    b, cells, record = strip.builder, CELLS[dtype], formulas.record
    exact = record.derivative_of_input if keeps == "input" else None
    composed = keeps == "input" and exact is None and record.keeps == "output"
    written = [exact or record.derivative, *([record.value] if composed else [])]
    learned = [p for p in record.parameters.values() if isinstance(p, Learned)]
    w = Writer(b, any(map(inexact, [*written, *(p.derivative for p in learned)])))
    df = rebind(written[0], words)
    first = b.add(b.mul(strip.row, strip.word(Word.LENGTH)), strip.position)
    g_base, gx_base = (at(b, strip.word(word), first, cells.size) for word in (Word.B, Word.C))
    kept_base = strip.word(Word.A)
    kept_base = (
        b.add(kept_base, b.lshr(first, constant(3)))
        if keeps == "sign"
        else at(b, kept_base, first, cells.size)
    )
    values = formulas.values(strip, w, cells)
    sums = [
        _Sum(strip, w, rebind(p.derivative, words), j, len(learned), formulas.across)
        for j, p in enumerate(learned)
    ]

    def vector(offset: Any, mask: Any, stream: bool, drawn: Any = None) -> None:
        address = at(b, g_base, offset, cells.size)
        if stream:
            fetch(b, address)
        g = Number(w, cells.load(w, address, mask))
        if keeps == "sign":
            kept: Any = Truth(w, read_bits(b, b.add(kept_base, b.lshr(offset, constant(3)))))
        else:
            address = at(b, kept_base, offset, cells.size)
            if stream:
                fetch(b, address)
            kept = Number(w, cells.load(w, address, mask))
        numbers = values(offset, mask, drawn)
        if composed:
            argument: Any = rebind(record.value, words)(kept, *numbers)
        elif keeps == "input" and record.keeps == "sign":
            argument = ~(kept <= 0.0) if record.nan_is_positive else kept > 0.0
        else:
            argument = kept
        gx = w.number(_times(g, df(argument, *numbers))).vector
        cells.store(w, at(b, gx_base, offset, cells.size), gx, mask, stream=stream)
        for total in sums:
            total.add(kept, g, numbers, offset, mask)

    _over(strip, formulas, vector)
    for total in sums:
        total.finish()


class _Sum:
    """Sum of g times the derivative by one learned parameter, in float64, in an order that is fixed.

    Along a row it is kept in registers and ends in one number per item; across channels each has its own
    cell per item.
    """

    def __init__(self, strip: Strip, w: Writer, formula: Any, index: int, count: int, across: bool) -> None:
        b = strip.builder
        self.strip, self.w, self.formula, self.across = strip, w, formula, across
        self.kind = ir.VectorType(ir.DoubleType(), LANES)
        base = strip.word(Word.D)
        if across:
            row = b.add(b.mul(strip.item, constant(count)), constant(index))
            self.base = at(b, base, b.mul(row, strip.word(Word.LENGTH)), 8)
        else:
            self.base = at(b, base, b.add(b.mul(strip.item, constant(count)), constant(index)), 8)
            self.total = cgutils.alloca_once(b, self.kind)  # type: ignore[no-untyped-call]
            b.store(self.zero, self.total)

    @property
    def zero(self) -> Any:
        return ir.Constant(self.kind, [0.0] * LANES)

    def add(self, kept: Number, g: Number, numbers: list[Any], offset: Any, mask: Any) -> None:
        """Add the elements of one vector."""
        b, w = self.w.builder, self.w
        product = w.number(_times(g, self.formula(kept, *numbers))).vector
        wide = product if w.double else b.fpext(product, self.kind)
        if mask is not None:  # a derivative may be infinite where there is no element
            wide = b.select(mask, wide, self.zero)
        if not self.across:
            b.store(b.fadd(b.load(self.total), wide), self.total)
            return
        address = at(b, self.base, b.add(self.strip.position, offset), 8)
        doubles = Writer(b, double=True)
        SUMS.store(doubles, address, b.fadd(SUMS.load(doubles, address, mask), wide), mask)

    def finish(self) -> None:
        """Write the sum of the item."""
        if self.across:
            return
        b = self.w.builder
        parts = [b.extract_element(b.load(self.total), ir.Constant(_I32, lane)) for lane in range(LANES)]
        while len(parts) > 1:
            parts = [b.fadd(parts[i], parts[i + 1]) for i in range(0, len(parts), 2)]
        b.store(parts[0], b.inttoptr(self.base, ir.DoubleType().as_pointer()), align=8)
