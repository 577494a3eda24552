"""The kernels, each made once for every kind of call: their addresses."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch

from rectifiers.activations import Elementwise
from rectifiers.backends.cpu import build
from rectifiers.backends.cpu.fingerprint import fingerprint

__all__ = ["crelu_kernel", "maxout_kernel", "slope_kernel", "value_kernel"]


def _compiled(key: str, strip: Callable[[Any], None], across: bool = False) -> int:
    """Address of a kernel of strips."""

    def compile_() -> Any:
        from numba import njit

        from rectifiers.backends.cpu import walks

        walk = (walks.blocks if across else walks.segments)(walks.inlined(strip))
        options: Any = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
        return njit("void(intp)", **options)(walk)

    return build.function_of(key, compile_)


@functools.cache
def value_kernel(
    record: Elementwise, kinds: tuple[Any, ...], dtype: torch.dtype, across: bool, keep: bool
) -> int:
    """Return the kernel of the value; `across` where channels are neighbours."""

    def strip(s: Any) -> None:
        from rectifiers.backends.cpu.elementwise import Formulas, value

        value(s, Formulas(record, kinds, across=across), dtype, keep)

    key = f"value {fingerprint(record)} {kinds} {dtype} {across} {keep}"
    return _compiled(key, strip, across)


@functools.cache
def slope_kernel(
    record: Elementwise, kinds: tuple[Any, ...], dtype: torch.dtype, across: bool, keeps: str
) -> int:
    """Return the kernel of the slope, in terms of what is saved."""

    def strip(s: Any) -> None:
        from rectifiers.backends.cpu.elementwise import Formulas, slope

        slope(s, Formulas(record, kinds, across=across), dtype, keeps)

    key = f"slope {fingerprint(record)} {kinds} {dtype} {across} {keeps}"
    return _compiled(key, strip, across)


@functools.cache
def maxout_kernel(role: str, dtype: torch.dtype, pieces: int, side_by_side: bool, keep: bool) -> int:
    """Return the kernel of Maxout's ``"value"`` or ``"slope"``."""

    def strip(s: Any) -> None:
        from rectifiers.backends.cpu import maxout

        if role == "value":
            maxout.value(s, dtype, pieces, side_by_side, keep)
        else:
            maxout.slope(s, dtype, pieces, side_by_side)

    return _compiled(f"maxout {role} {dtype} {pieces} {side_by_side} {keep}", strip)


@functools.cache
def crelu_kernel(role: str, dtype: torch.dtype, keep: bool) -> int:
    """Return the kernel of CReLU's ``"value"`` or ``"slope"``."""

    def strip(s: Any) -> None:
        from rectifiers.backends.cpu import crelu

        if role == "value":
            crelu.value(s, dtype, keep)
        else:
            crelu.slope(s, dtype)

    return _compiled(f"crelu {role} {dtype} {keep}", strip)
