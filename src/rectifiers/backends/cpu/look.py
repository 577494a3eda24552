"""A look at all elements of a small tensor, in less than a microsecond: a test of their sizes."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TypeAlias

import torch

from rectifiers.backends.cpu.direct import function

__all__ = ["TYPES", "Look", "nonzero", "within"]

Look: TypeAlias = Callable[[int, int], bool]
"""Of the address of the first of some neighbouring elements, and their number."""

TYPES = {torch.float32: ("float", 32), torch.float64: ("double", 64)}
"""The types there is a look for: what LLVM calls each, and its bits."""

_LANES = 16
# Truth is kept as integers of the elements' size, which is what processors compare to.
_TEXT = """
define ptr @rectifiers_{name}(ptr %self, ptr %arguments, i64 %count) {{
entry:
  %argument.0 = load ptr, ptr %arguments, align 8
  %second = getelementptr ptr, ptr %arguments, i64 1
  %argument.1 = load ptr, ptr %second, align 8
  %address = call i64 @PyLong_AsLongLong(ptr %argument.0)
  %n = call i64 @PyLong_AsLongLong(ptr %argument.1)
  %whole = and i64 %n, -{lanes}
  br label %wide.next
wide.next:
  %i = phi i64 [ 0, %entry ], [ %i.after, %wide ]
  %all = phi {truths} [ {true}, %entry ], [ %all.after, %wide ]
  %i.there = icmp ult i64 %i, %whole
  br i1 %i.there, label %wide, label %narrow.start
wide:
  %i.bytes = mul i64 %i, {size}
  %i.address = add i64 %address, %i.bytes
  %i.pointer = inttoptr i64 %i.address to ptr
  %xs = load {vector}, ptr %i.pointer, align {size}
  %sizes = call {vector} @llvm.fabs.{vector_name}({vector} %xs)
  %pass = fcmp {condition} {vector} %sizes, {bounds}
  %pass.wide = sext <{lanes} x i1> %pass to {truths}
  %all.after = and {truths} %all, %pass.wide
  %i.after = add i64 %i, {lanes}
  br label %wide.next
narrow.start:
  %first = call i{bits} @llvm.vector.reduce.and.v{lanes}i{bits}({truths} %all)
  br label %narrow.next
narrow.next:
  %j = phi i64 [ %whole, %narrow.start ], [ %j.after, %narrow ]
  %each = phi i{bits} [ %first, %narrow.start ], [ %each.after, %narrow ]
  %j.there = icmp ult i64 %j, %n
  br i1 %j.there, label %narrow, label %end
narrow:
  %j.bytes = mul i64 %j, {size}
  %j.address = add i64 %address, %j.bytes
  %j.pointer = inttoptr i64 %j.address to ptr
  %x = load {type}, ptr %j.pointer, align {size}
  %x.size = call {type} @llvm.fabs.{name_of_type}({type} %x)
  %passes = fcmp {condition} {type} %x.size, {bound}
  %passes.wide = sext i1 %passes to i{bits}
  %each.after = and i{bits} %each, %passes.wide
  %j.after = add i64 %j, 1
  br label %narrow.next
end:
  %every = icmp ne i{bits} %each, 0
  %number = zext i1 %every to i64
  %result = call ptr @PyBool_FromLong(i64 %number)
  ret ptr %result
}}
declare i64 @PyLong_AsLongLong(ptr)
declare ptr @PyBool_FromLong(i64)
declare {vector} @llvm.fabs.{vector_name}({vector})
declare {type} @llvm.fabs.{name_of_type}({type})
declare i{bits} @llvm.vector.reduce.and.v{lanes}i{bits}({truths})
"""


def within(limit: float, dtype: torch.dtype) -> Look:
    """Return what tells whether all of n elements lie strictly between -limit and limit; NaN does not.

    Returns
    -------
    callable
        Of the address of the first of `n` neighbouring elements, and `n`.
    """
    return _look("olt", limit, dtype)


def nonzero(dtype: torch.dtype) -> Look:
    """Return what tells whether none of n elements is 0, as `within` tells it; NaN is not."""
    return _look("une", 0.0, dtype)


@functools.cache
def _look(condition: str, bound: float, dtype: torch.dtype) -> Look:
    type_, bits = TYPES[dtype]
    number = f"{bound:e}"
    assert float(number) == bound == torch.tensor(bound, dtype=dtype).item()  # LLVM takes no other number
    name = f"look_{condition}_{bound:.0f}_{type_}"
    text = _TEXT.format(
        name=name,
        type=type_,
        bits=bits,
        size=bits // 8,
        lanes=_LANES,
        vector=f"<{_LANES} x {type_}>",
        vector_name=f"v{_LANES}f{bits}",
        name_of_type=f"f{bits}",
        truths=f"<{_LANES} x i{bits}>",
        true=_splat(f"i{bits}", "-1"),
        condition=condition,
        bounds=_splat(type_, number),
        bound=number,
    )
    return function(name, text)


def _splat(type_: str, value: str) -> str:
    return "<" + ", ".join([f"{type_} {value}"] * _LANES) + ">"
