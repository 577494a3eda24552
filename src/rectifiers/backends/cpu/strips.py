"""Kernels of strips, runs of neighbouring elements: what they read, their loops, and their machine code."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir

from rectifiers.backends.cpu.numbers import LANES, splat, vector

__all__ = [
    "Strip",
    "Word",
    "at",
    "compiled",
    "constant",
    "fetch",
    "mask_of",
    "read_bits",
    "write_bits",
    "written",
]

_I1, _I8, _I32, _I64 = (ir.IntType(bits) for bits in (1, 8, 32, 64))
_AHEAD = 4096  # bytes between what is computed and what is fetched, where results go past the caches


class Word(IntEnum):
    """What the 64-bit words of a task hold, the block of memory that tells a kernel what to do."""

    NEXT = 0  # the first item nobody has claimed; threads add to it
    ITEMS = 1
    BATCH = 2  # items claimed at a time
    ROWS = 3
    LENGTH = 4  # elements of a row
    SEGMENT = 5  # elements of a segment of a row
    SEGMENTS = 6  # segments of a row
    BLOCK = 7  # rows of an item, which is one segment of each
    STREAM = 8  # 1: write past the caches
    A = 9  # addresses of tensors
    B = 10
    C = 11
    D = 12
    CHANNELS = 13
    SEED = 14
    PARAMETERS = 15  # from here on: each a float64, or the address of the values per channel


@dataclass(frozen=True)
class Strip:
    """What the code of a strip is written with: `length` elements from `position` on in row `row`.

    All but the builder are LLVM's values of 64-bit integers.
    """

    builder: Any
    task: Any
    row: Any
    position: Any
    length: Any
    item: Any

    def word(self, index: int) -> Any:
        """Read a word of the task."""
        return _word(self.builder, self.task, index)

    def run(self, body: Callable[..., None], unit: int = LANES) -> None:
        """Write the loop over the strip: ``body(offset, rest, stream)`` for every `unit` elements.

        `rest` is None for full units and the number of elements for what is left; `stream` says whether this
        is the loop whose results go past the caches.
        """
        b = self.builder
        full = b.and_(self.length, constant(-unit))
        stream = b.icmp_unsigned("!=", self.word(Word.STREAM), constant(0))
        with b.if_else(stream) as branches:
            for branch, flag in zip(branches, (True, False), strict=True):
                with branch, _loop(b, constant(0), full, unit) as offset:
                    body(offset, None, flag)
        rest = b.sub(self.length, full)
        with b.if_then(b.icmp_signed(">", rest, constant(0)), likely=False):
            body(full, rest, False)


def _word(b: Any, task: Any, index: int) -> Any:
    return b.load(b.inttoptr(b.add(task, constant(8 * index)), _I64.as_pointer()), align=8)


@contextmanager
def _loop(b: Any, start: Any, stop: Any, step: int = 1) -> Iterator[Any]:
    """Write a loop around what is written in the meantime."""
    before = b.block
    head, body, after = (b.append_basic_block() for _ in range(3))
    b.branch(head)
    b.position_at_end(head)
    counter = b.phi(_I64)
    b.cbranch(b.icmp_signed("<", counter, stop), body, after)
    b.position_at_end(body)
    yield counter
    counter.add_incoming(start, before)
    counter.add_incoming(b.add(counter, constant(step)), b.block)
    b.branch(head)
    b.position_at_end(after)


def written(write: Callable[..., None], *arguments: Any) -> ir.Module:
    """Return a module with the function ``kernel(task)``, whose strips are ``write(strip, *arguments)``.

    Threads that call it with the same task claim items from it until none is left.
    """
    module = ir.Module()
    module.triple = llvm.get_process_triple()
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [_I64]), "kernel")
    (task,) = function.args
    b = ir.IRBuilder(function.append_basic_block())
    items, batch, rows, length, size, count, block = (
        _word(b, task, i) for i in range(Word.ITEMS, Word.STREAM)
    )
    claim, work, done = (b.append_basic_block() for _ in range(3))
    b.branch(claim)
    b.position_at_end(claim)
    first = b.atomic_rmw("add", b.inttoptr(task, _I64.as_pointer()), batch, "monotonic")
    b.cbranch(b.icmp_signed("<", first, items), work, done)
    b.position_at_end(work)
    with _loop(b, first, _least(b, b.add(first, batch), items)) as item:
        row = b.mul(b.udiv(item, count), block)
        position = b.mul(b.urem(item, count), size)
        rest = _least(b, size, b.sub(length, position))
        with _loop(b, row, _least(b, b.add(row, block), rows)) as row:
            write(Strip(b, task, row, position, rest, item), *arguments)
    b.branch(claim)
    b.position_at_end(done)
    b.ret_void()
    return module


def _least(b: Any, one: Any, other: Any) -> Any:
    return b.select(b.icmp_signed("<", one, other), one, other)


@functools.cache
def compiled(write: Callable[..., None], *arguments: Any) -> int:
    """Return the address of the machine code of ``written(write, *arguments)``."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=3, jit=True
    )
    module = llvm.parse_assembly(str(written(write, *arguments)))
    # The one of LLVM's optimising passes that code of vectors gains by; all of them take half of the time.
    passes = llvm.create_new_function_pass_manager()
    passes.add_instruction_combine_pass()
    builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options())
    passes.run(module.get_function("kernel"), builder)
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    _engines.append(engine)
    return int(engine.get_function_address("kernel"))


_engines: list[Any] = []  # machine code lives as long as what made it


def constant(value: int) -> Any:
    """A 64-bit integer."""
    return ir.Constant(_I64, value)


def at(b: Any, base: Any, index: Any, size: int) -> Any:
    """Address of an element."""
    return b.add(base, b.mul(index, constant(size)))


def mask_of(b: Any, rest: Any, first: int = 0) -> Any:
    """Which lanes from element `first` on are among the `rest` elements; None if there is no rest."""
    return (
        None
        if rest is None
        else b.icmp_signed("<", vector(_I64, *range(first, first + LANES)), splat(b, rest))
    )


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
    return b.bitcast(byte, ir.VectorType(_I1, LANES))
