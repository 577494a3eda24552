"""Functions of Python's own kind in machine code: what ctypes does around a call costs more than they do.

They keep Python's lock and check nothing: for a few thousand elements, and for calls from this package.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from typing import Any

from rectifiers.backends.cpu.build import assembled

__all__ = ["caller", "function"]

_FASTCALL = 0x80  # METH_FASTCALL: (self, address of the arguments, their number)


class _Definition(ctypes.Structure):
    """Python's ``PyMethodDef``."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


_definitions: list[_Definition] = []  # functions refer to them


def function(name: str, text: str) -> Callable[..., Any]:
    """Return the function ``rectifiers_<name>`` that is written in LLVM's language."""
    definition = _Definition(name.encode(), assembled(name, text), _FASTCALL, None)
    _definitions.append(definition)
    new = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)(
        ("PyCFunction_NewEx", ctypes.pythonapi)
    )
    made: Callable[..., Any] = new(ctypes.addressof(definition), None, None)
    return made


_CALLER = """
define ptr @rectifiers_{name}(ptr %self, ptr %arguments, i64 %count) {{
entry:
  %task = alloca [64 x i64], align 64
  br label %next
next:
  %i = phi i64 [ 0, %entry ], [ %i.after, %copy ]
  %there = icmp ult i64 %i, %count
  br i1 %there, label %copy, label %call
copy:
  %from = getelementptr ptr, ptr %arguments, i64 %i
  %argument = load ptr, ptr %from, align 8
  %word = call i64 @PyLong_AsLongLong(ptr %argument)
  %to = getelementptr i64, ptr %task, i64 %i
  store i64 %word, ptr %to, align 8
  %i.after = add i64 %i, 1
  br label %next
call:
  %address = ptrtoint ptr %task to i64
  %kernel = inttoptr i64 {kernel} to ptr
  call void %kernel(i64 %address)
  %result = call ptr @PyBool_FromLong(i64 1)
  ret ptr %result
}}
declare i64 @PyLong_AsLongLong(ptr)
declare ptr @PyBool_FromLong(i64)
"""


@functools.cache
def caller(kernel: int) -> Callable[..., Any]:
    """Return what runs the kernel at an address, in this thread, with the words of a task as arguments.

    A parameter goes as the integer of its bits.
    """
    name = f"caller_{kernel}"
    return function(name, _CALLER.format(name=name, kernel=kernel))
