"""A look at all elements of a tensor, in less than a microsecond if it is small: a test of their sizes."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from typing import NamedTuple

import torch

from rectifiers.backends.cpu.build import assembled
from rectifiers.backends.cpu.direct import function
from rectifiers.backends.cpu.task import Word, packed
from rectifiers.backends.cpu.threads import run, team

__all__ = ["TYPES", "Look", "nonzero", "within"]

TYPES = {
    torch.float32: torch.int32,
    torch.float64: torch.int64,
    torch.float16: torch.int16,
    torch.bfloat16: torch.int16,
}
"""The types there is a look for, and the integers of their size.

Without their signs, numbers are in the order of their bits as integers are, infinity and NaN behind them.
"""


class Look(NamedTuple):
    """What tells whether neighbouring elements pass, of the address of the first and their number."""

    small: Callable[[int, int], bool]
    """In this thread, and in less than a microsecond for a few."""
    any_size: Callable[[int, int], bool]


_LANES = 16
# Truth is kept as integers of the elements' size, which is what processors compare to.
_CORE = """
define internal i1 @all(i64 %address, i64 %n) {{
entry:
  %whole = and i64 %n, -{lanes}
  br label %wide.next
wide.next:
  %i = phi i64 [ 0, %entry ], [ %i.after, %wide ]
  %all = phi {vector} [ {true}, %entry ], [ %all.after, %wide ]
  %i.there = icmp ult i64 %i, %whole
  br i1 %i.there, label %wide, label %narrow.start
wide:
  %i.bytes = mul i64 %i, {size}
  %i.address = add i64 %address, %i.bytes
  %i.pointer = inttoptr i64 %i.address to ptr
  %xs = load {vector}, ptr %i.pointer, align {size}
  %sizes = and {vector} %xs, {masks}
  %pass = icmp {condition} {vector} %sizes, {bounds}
  %pass.wide = sext <{lanes} x i1> %pass to {vector}
  %all.after = and {vector} %all, %pass.wide
  %i.after = add i64 %i, {lanes}
  br label %wide.next
narrow.start:
  %first = call {type} @llvm.vector.reduce.and.v{lanes}{type}({vector} %all)
  br label %narrow.next
narrow.next:
  %j = phi i64 [ %whole, %narrow.start ], [ %j.after, %narrow ]
  %each = phi {type} [ %first, %narrow.start ], [ %each.after, %narrow ]
  %j.there = icmp ult i64 %j, %n
  br i1 %j.there, label %narrow, label %end
narrow:
  %j.bytes = mul i64 %j, {size}
  %j.address = add i64 %address, %j.bytes
  %j.pointer = inttoptr i64 %j.address to ptr
  %x = load {type}, ptr %j.pointer, align {size}
  %x.size = and {type} %x, {mask}
  %passes = icmp {condition} {type} %x.size, {bound}
  %passes.wide = sext i1 %passes to {type}
  %each.after = and {type} %each, %passes.wide
  %j.after = add i64 %j, 1
  br label %narrow.next
end:
  %every = icmp ne {type} %each, 0
  ret i1 %every
}}
declare {type} @llvm.vector.reduce.and.v{lanes}{type}({vector})
"""

# For a small tensor: a function of Python's, of the address and the number of elements.
_DIRECT = """
define ptr @rectifiers_{name}(ptr %self, ptr %arguments, i64 %count) {{
  %argument.0 = load ptr, ptr %arguments, align 8
  %second = getelementptr ptr, ptr %arguments, i64 1
  %argument.1 = load ptr, ptr %second, align 8
  %address = call i64 @PyLong_AsLongLong(ptr %argument.0)
  %n = call i64 @PyLong_AsLongLong(ptr %argument.1)
  %every = call i1 @all(i64 %address, i64 %n)
  %number = zext i1 %every to i64
  %result = call ptr @PyBool_FromLong(i64 %number)
  ret ptr %result
}}
declare i64 @PyLong_AsLongLong(ptr)
declare ptr @PyBool_FromLong(i64)
"""

# For a large one: a kernel, of a task whose threads take segments until none is left or one has failed.
_SHARED = """
define void @rectifiers_{name}(i64 %task) {{
entry:
  %next = inttoptr i64 %task to ptr
  %items.at = getelementptr i64, ptr %next, i64 {ITEMS}
  %items = load i64, ptr %items.at, align 8
  %length.at = getelementptr i64, ptr %next, i64 {LENGTH}
  %length = load i64, ptr %length.at, align 8
  %segment.at = getelementptr i64, ptr %next, i64 {SEGMENT}
  %segment = load i64, ptr %segment.at, align 8
  %base.at = getelementptr i64, ptr %next, i64 {A}
  %base = load i64, ptr %base.at, align 8
  %failed.at = getelementptr i64, ptr %next, i64 {B}
  br label %take
take:
  %failed = load atomic i64, ptr %failed.at monotonic, align 8
  %goes.on = icmp eq i64 %failed, 0
  br i1 %goes.on, label %claim, label %end
claim:
  %item = atomicrmw add ptr %next, i64 1 monotonic, align 8
  %there = icmp slt i64 %item, %items
  br i1 %there, label %look, label %end
look:
  %first = mul i64 %item, %segment
  %left = sub i64 %length, %first
  %n = call i64 @llvm.smin.i64(i64 %left, i64 %segment)
  %offset = mul i64 %first, {size}
  %address = add i64 %base, %offset
  %every = call i1 @all(i64 %address, i64 %n)
  br i1 %every, label %take, label %fail
fail:
  store atomic i64 1, ptr %failed.at monotonic, align 8
  br label %end
end:
  ret void
}}
declare i64 @llvm.smin.i64(i64, i64)
"""
_ALONE = 1 << 17  # elements below which to wake threads takes longer than they save


def within(limit: float, dtype: torch.dtype) -> Look:
    """Return what tells whether all of n elements lie strictly between -limit and limit; NaN does not.

    Raises
    ------
    AssertionError
        The type does not have `limit`.
    """
    return _look("ult", limit, dtype)


def nonzero(dtype: torch.dtype) -> Look:
    """Return what tells whether none of n elements is 0, as `within` tells it; NaN is not."""
    return _look("ne", 0.0, dtype)


@functools.cache
def _look(condition: str, bound: float, dtype: torch.dtype) -> Look:
    exact = torch.tensor(bound, dtype=dtype)
    assert exact.item() == bound
    bits = 8 * dtype.itemsize
    type_, number, mask = f"i{bits}", str(exact.view(TYPES[dtype]).item()), str(2 ** (bits - 1) - 1)
    core = _CORE.format(
        type=type_,
        size=dtype.itemsize,
        lanes=_LANES,
        vector=f"<{_LANES} x {type_}>",
        true=_splat(type_, "-1"),
        condition=condition,
        mask=mask,
        masks=_splat(type_, mask),
        bound=number,
        bounds=_splat(type_, number),
    )
    name = f"look_{condition}_{bound:.0f}_{dtype}".replace("torch.", "")
    small: Callable[[int, int], bool] = function(name, _DIRECT.format(name=name) + core)

    @functools.cache
    def shared() -> int:
        places = {word.name: int(word) for word in (Word.ITEMS, Word.LENGTH, Word.SEGMENT, Word.A, Word.B)}
        text = _SHARED.format(name=f"{name}_shared", size=dtype.itemsize, **places)
        return assembled(f"{name}_shared", text + core)

    def any_size(address: int, n: int) -> bool:
        if n < _ALONE:
            return small(address, n)
        threads = team(n)
        segment = -(-n // threads)  # one each, as torch will divide them: they stay in the cache of a core
        task = packed((0, threads, 1, 1, n, segment, threads, 0, address, 0))
        run(shared(), task, threads)
        failed: int = ctypes.c_int64.from_address(task + 8 * Word.B).value
        return not failed

    return Look(small, any_size)


def _splat(type_: str, value: str) -> str:
    return "<" + ", ".join([f"{type_} {value}"] * _LANES) + ">"
