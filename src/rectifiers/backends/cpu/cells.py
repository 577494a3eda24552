"""Eight neighbouring elements between memory and a vector of the type that is computed in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from llvmlite import ir

from rectifiers.backends.cpu.numbers import LANES, Writer

__all__ = ["CELLS", "SUMS", "Cells", "lanes_below"]

_I64 = ir.IntType(64)


def lanes_below(builder: Any, count: Any) -> Any:
    """The condition "lane number < count", for a signed count of any size."""
    kind = ir.VectorType(_I64, LANES)
    empty = ir.Constant(kind, ir.Undefined)
    first = builder.insert_element(empty, count, ir.Constant(ir.IntType(32), 0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    spread = builder.shuffle_vector(first, empty, zeros)
    return builder.icmp_signed("<", ir.Constant(kind, list(range(LANES))), spread)


@dataclass(frozen=True)
class Cells:
    """How elements of one type lie in memory.

    Addresses are integers; a mask says which lanes exist, None that all do.
    """

    size: int  # bytes of an element
    stored: Any  # LLVM type of an element
    code: str  # LLVM's name of it
    double: bool = False
    brain: bool = False  # bfloat16: the upper half of a float32

    def load(self, w: Writer, address: Any, mask: Any = None, lanes: int = LANES) -> Any:
        """Read `lanes` elements; 0 where the mask is false."""
        return self.widen(w, self.read(w, address, mask, lanes), lanes)

    def read(self, w: Writer, address: Any, mask: Any = None, lanes: int = LANES) -> Any:
        """Read `lanes` elements as they are stored; 0 where the mask is false."""
        b = w.builder
        kind = ir.VectorType(self.stored, lanes)
        pointer = b.inttoptr(address, kind.as_pointer())
        if mask is None:
            return b.load(pointer, align=self.size)
        function = _masked(b, "load", kind, self.code, lanes)
        align = ir.Constant(ir.IntType(32), self.size)
        return b.call(function, [pointer, align, mask, ir.Constant(kind, [self._zero] * lanes)])

    def load_one(self, w: Writer, address: Any) -> Any:
        """Read one element, as a vector of one."""
        kind = ir.VectorType(self.stored, 1)
        stored = w.builder.load(w.builder.inttoptr(address, kind.as_pointer()), align=self.size)
        return self.widen(w, stored, 1)

    def store(self, w: Writer, address: Any, value: Any, mask: Any = None, *, stream: bool = False) -> None:
        """Write a vector; past the caches if `stream`, which needs an address aligned to 32 bytes."""
        self.write(w, address, self._narrow(w, value), mask, stream=stream)

    def write(self, w: Writer, address: Any, stored: Any, mask: Any = None, *, stream: bool = False) -> None:
        """Write elements as they are stored."""
        b = w.builder
        kind = ir.VectorType(self.stored, LANES)
        pointer = b.inttoptr(address, kind.as_pointer())
        if mask is not None:
            function = _masked(b, "store", kind, self.code, LANES)
            b.call(function, [stored, pointer, ir.Constant(ir.IntType(32), self.size), mask])
            return
        instruction = b.store(stored, pointer, align=min(32, self.size * LANES) if stream else self.size)
        if stream:
            one = b.module.add_metadata([ir.Constant(ir.IntType(32), 1)])
            instruction.set_metadata("nontemporal", one)

    @property
    def _zero(self) -> Any:
        return 0 if isinstance(self.stored, ir.IntType) else 0.0

    def widen(self, w: Writer, stored: Any, lanes: int = LANES) -> Any:
        """The type that is computed in, of elements as they are stored."""
        b = w.builder
        if self.double:
            return stored
        if self.brain:
            wide = ir.VectorType(ir.IntType(32), lanes)
            shifted = b.shl(b.zext(stored, wide), ir.Constant(wide, [16] * lanes))
            stored = b.bitcast(shifted, ir.VectorType(ir.FloatType(), lanes))
        kind = ir.VectorType(w.scalar, lanes)
        return stored if stored.type == kind else b.fpext(stored, kind)

    def _narrow(self, w: Writer, value: Any) -> Any:
        b = w.builder
        if self.double:
            return value
        if w.double:
            value = b.fptrunc(value, ir.VectorType(ir.FloatType(), LANES))
        kind = ir.VectorType(self.stored, LANES)
        if self.brain:  # to nearest, ties to even; any NaN as torch writes it
            whole = ir.VectorType(ir.IntType(32), LANES)
            one, most, lost, canonical = (ir.Constant(whole, [n] * LANES) for n in (1, 0x7FFF, 16, 0x7FC0))
            bits = b.bitcast(value, whole)
            odd = b.and_(b.lshr(bits, lost), one)
            rounded = b.lshr(b.add(bits, b.add(odd, most)), lost)
            nan = b.fcmp_unordered("uno", value, value)
            return b.trunc(b.select(nan, canonical, rounded), kind)
        return value if value.type == kind else b.fptrunc(value, kind)


def _masked(builder: Any, verb: str, kind: Any, code: str, lanes: int) -> Any:
    pointer, i32 = kind.as_pointer(), ir.IntType(32)
    mask = ir.VectorType(ir.IntType(1), lanes)
    if verb == "load":
        function = ir.FunctionType(kind, [pointer, i32, mask, kind])
    else:
        function = ir.FunctionType(ir.VoidType(), [kind, pointer, i32, mask])
    name = f"llvm.masked.{verb}.v{lanes}{code}.p0"
    found = builder.module.globals.get(name)
    return found if found is not None else ir.Function(builder.module, function, name)


CELLS = {
    torch.float32: Cells(4, ir.FloatType(), "f32"),
    torch.float16: Cells(2, ir.HalfType(), "f16"),
    torch.bfloat16: Cells(2, ir.IntType(16), "i16", brain=True),
}
"""By type of tensor."""

SUMS = Cells(8, ir.DoubleType(), "f64", double=True)
"""Sums for the gradients of learned parameters."""
