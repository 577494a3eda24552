"""Vector code for a strip: a run of elements that lie side by side in memory.

A strip is called as ``strip(task, row, position, length, item)``: `length` elements from `position` on in row
`row` of the work that `task` describes. How strips cover a tensor is the matter of `walks`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from llvmlite import ir
from numba.core import cgutils

from rectifiers.backends.cpu.cells import lanes_below
from rectifiers.backends.cpu.numbers import LANES
from rectifiers.backends.cpu.task import PARAMETERS, Word

__all__ = ["Strip", "at", "constant", "fetch", "mask_of", "read_bits", "word", "write_bits"]

_I8, _I32, _I64 = ir.IntType(8), ir.IntType(32), ir.IntType(64)
_AHEAD = 4096  # bytes between what is computed and what is fetched, where results go past the caches


@dataclass(frozen=True)
class Strip:
    """The arguments of a strip's code, and how it reads the task.

    Parameters
    ----------
    builder : llvmlite.ir.IRBuilder
    task, row, position, length, item : llvmlite values of 64-bit integers
    """

    builder: Any
    task: Any
    row: Any
    position: Any
    length: Any
    item: Any

    def word(self, index: int) -> Any:
        """Read a word of the task."""
        return word(self.builder, self.task, index)

    def real(self, index: int) -> Any:
        """Read a parameter, a float64."""
        return self.builder.bitcast(self.word(PARAMETERS + index), ir.DoubleType())

    def pointer(self, index: int) -> Any:
        """Read a parameter that is an address."""
        return self.builder.fptosi(self.real(index), _I64)

    def run(self, body: Callable[..., None], unit: int = LANES) -> None:
        """Write the loop over the strip: ``body(offset, rest, stream)`` for every `unit` elements.

        `rest` is None for full units and the number of elements for what is left; `stream` says whether this
        is the loop whose results go past the caches.
        """
        b = self.builder
        shift = constant(unit.bit_length() - 1)
        full = b.ashr(self.length, shift)
        stream = b.icmp_unsigned("!=", self.word(Word.STREAM), constant(0))
        with b.if_else(stream) as (past, through):
            for branch, flag in ((past, True), (through, False)):
                with branch, cgutils.for_range(b, full, intp=_I64) as loop:
                    body(b.shl(loop.index, shift), None, flag)
        done = b.shl(full, shift)
        rest = b.sub(self.length, done)
        with b.if_then(b.icmp_signed(">", rest, constant(0)), likely=False):
            body(done, rest, False)


def word(b: Any, task: Any, index: int) -> Any:
    """Read a word of a task."""
    return b.load(b.inttoptr(b.add(task, constant(8 * index)), _I64.as_pointer()), align=8)


def constant(value: int) -> Any:
    """A 64-bit integer."""
    return ir.Constant(_I64, value)


def at(b: Any, base: Any, index: Any, size: int) -> Any:
    """Address of an element."""
    return b.add(base, b.mul(index, constant(size)))


def mask_of(b: Any, rest: Any, first: int = 0) -> Any:
    """Which lanes from element `first` on are among the `rest` elements; None if there is no rest."""
    return None if rest is None else lanes_below(b, b.sub(rest, constant(first)) if first else rest)


def fetch(b: Any, address: Any) -> None:
    """Ask for memory that will be read soon, where results go past the caches."""
    pointer = b.inttoptr(b.add(address, constant(_AHEAD)), _I8.as_pointer())
    kind = ir.FunctionType(ir.VoidType(), [_I8.as_pointer(), _I32, _I32, _I32])
    name = "llvm.prefetch.p0"
    function = b.module.globals.get(name) or ir.Function(b.module, kind, name)
    b.call(function, [pointer, *(ir.Constant(_I32, n) for n in (0, 3, 1))])


def write_bits(b: Any, address: Any, condition: Any) -> None:
    """Write a condition on eight lanes as one byte, the first lane in its lowest bit."""
    b.store(b.bitcast(condition, _I8), b.inttoptr(address, _I8.as_pointer()), align=1)


def read_bits(b: Any, address: Any) -> Any:
    """Read what `write_bits` wrote."""
    byte = b.load(b.inttoptr(address, _I8.as_pointer()), align=1)
    return b.bitcast(byte, ir.VectorType(ir.IntType(1), LANES))
