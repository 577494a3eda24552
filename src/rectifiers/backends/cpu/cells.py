"""Eight neighbouring elements between memory and a vector of the type that is computed in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from llvmlite import ir

from rectifiers.backends.cpu.numbers import LANES, Writer, vector

__all__ = ["CELLS", "Cells"]

_I1, _I32 = ir.IntType(1), ir.IntType(32)


@dataclass(frozen=True)
class Cells:
    """How elements of one type are in memory.

    Addresses are integers; a mask says which lanes exist, None that all do.
    """

    size: int  # bytes of an element
    stored: Any  # LLVM type of an element
    brain: bool = False  # bfloat16: the upper half of a float32

    def load(self, w: Writer, address: Any, mask: Any = None) -> Any:
        """Read elements; 0 where the mask is false."""
        return self.widen(w, self.read(w.builder, address, mask))

    def read(self, b: Any, address: Any, mask: Any = None) -> Any:
        """Read elements as they are stored; 0 where the mask is false."""
        kind = ir.VectorType(self.stored, LANES)
        pointer = b.inttoptr(address, kind.as_pointer())
        if mask is None:
            return b.load(pointer, align=self.size)
        zero = vector(self.stored, 0 if self.brain else 0.0)
        return self._masked(b, "load", kind, pointer, ir.Constant(_I32, self.size), mask, zero)

    def store(self, w: Writer, address: Any, value: Any, mask: Any = None, *, stream: bool = False) -> None:
        """Write a vector; past the caches if `stream`, which needs an address aligned to 32 bytes."""
        self.write(w.builder, address, self._narrow(w, value), mask, stream=stream)

    def write(self, b: Any, address: Any, stored: Any, mask: Any = None, *, stream: bool = False) -> None:
        """Write elements as they are stored."""
        pointer = b.inttoptr(address, stored.type.as_pointer())
        if mask is not None:
            self._masked(b, "store", ir.VoidType(), stored, pointer, ir.Constant(_I32, self.size), mask)
            return
        instruction = b.store(stored, pointer, align=min(32, self.size * LANES) if stream else self.size)
        if stream:
            instruction.set_metadata("nontemporal", b.module.add_metadata([ir.Constant(_I32, 1)]))

    def _masked(self, b: Any, verb: str, result: Any, *arguments: Any) -> Any:
        name = f"llvm.masked.{verb}.v{LANES}{self.stored.intrinsic_name}.p0"
        kind = ir.FunctionType(result, [argument.type for argument in arguments])
        return b.call(b.module.globals.get(name) or ir.Function(b.module, kind, name), arguments)

    def widen(self, w: Writer, stored: Any) -> Any:
        """The type that is computed in, of elements as they are stored."""
        b = w.builder
        if self.brain:
            shifted = b.shl(b.zext(stored, ir.VectorType(_I32, LANES)), vector(_I32, 16))
            stored = b.bitcast(shifted, ir.VectorType(ir.FloatType(), LANES))
        return stored if stored.type == w.vector else b.fpext(stored, w.vector)

    def _narrow(self, w: Writer, value: Any) -> Any:
        b, kind = w.builder, ir.VectorType(self.stored, LANES)
        if w.double:
            value = b.fptrunc(value, ir.VectorType(ir.FloatType(), LANES))
        if self.brain:  # to nearest, ties to even; any NaN as torch writes it
            bits = b.bitcast(value, ir.VectorType(_I32, LANES))
            odd = b.and_(b.lshr(bits, vector(_I32, 16)), vector(_I32, 1))
            rounded = b.lshr(b.add(bits, b.add(odd, vector(_I32, 0x7FFF))), vector(_I32, 16))
            nan = b.fcmp_unordered("uno", value, value)
            return b.trunc(b.select(nan, vector(_I32, 0x7FC0), rounded), kind)
        return value if value.type == kind else b.fptrunc(value, kind)


CELLS = {
    torch.float32: Cells(4, ir.FloatType()),
    torch.float16: Cells(2, ir.HalfType()),
    torch.bfloat16: Cells(2, ir.IntType(16), brain=True),
}
"""By type of tensor."""
