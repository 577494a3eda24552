"""The kernels of the processor behind the interface all backends share."""

from __future__ import annotations

import functools
import platform
import sys
from typing import Any

import numpy as np
import torch
from llvmlite.binding import get_host_cpu_features
from torch import Tensor

from rectifiers.activations import Activation, Choice, Elementwise, Learned
from rectifiers.backends._kernels import Draw, Layout, Saved, Values
from rectifiers.backends.cpu import crelu, elementwise, maxout
from rectifiers.backends.cpu.launch import run
from rectifiers.backends.cpu.strips import compiled, written

__all__ = ["LLVMKernels"]

_SEGMENT = 8192  # elements summed up into one partial sum: a matter of the layout alone, as the sums are


class LLVMKernels:
    """`Kernels` in machine code that LLVM makes, for tensors in the processor's memory."""

    name = "llvm"

    def refuses(self, record: Activation, dtype: torch.dtype) -> str:
        """Return why these kernels cannot run a record for a type here; an empty string if they can."""
        return _refuses(record, dtype)

    def value(
        self, record: Elementwise, values: Values, layout: Layout, x: Tensor, y: Tensor, keep: bool
    ) -> Tensor | None:
        """Write f(x) into `y`, which may be `x`; return a packed bit per element, x > 0, if `keep`."""
        bits = _bytes((x.numel() + 7) // 8) if keep else None
        kinds, parameters, seed = _arguments(record, values)
        outer, channels, inner = layout
        across = inner == 1 and channels > 1
        kernel = compiled(elementwise.value, record, kinds, x.dtype, across, keep)
        shape = (
            (1, x.numel()) if channels == 1 else (outer, channels) if across else (outer * channels, inner)
        )
        block = _rows_of_block(outer) if across else 1
        run(kernel, shape, (y, x, bits), parameters, channels=channels, seed=seed, block=block)
        return bits

    def slope(
        self,
        record: Elementwise,
        values: Values,
        layout: Layout,
        keeps: Saved,
        kept: Tensor,
        g: Tensor,
        gx: Tensor,
    ) -> tuple[Tensor, ...]:
        """Write g times the derivative into `gx`; return the gradient of every learned parameter."""
        kinds, parameters, seed = _arguments(record, values)
        learned = kinds.count("channels")
        outer, channels, inner = layout
        across = inner == 1 and channels > 1
        kernel = compiled(elementwise.slope, record, kinds, g.dtype, across, keeps)
        if not learned:
            run(kernel, (1, gx.numel()), (gx, g, kept), parameters, seed=seed)
            return ()
        if across:
            shape, segment, block = (outer, channels), channels, _rows_of_block(outer)
            sums = _doubles(-(-outer // block), learned, -(-channels // 8) * 8)
        else:
            shape, segment, block = (outer * channels, inner), _SEGMENT, 1
            sums = _doubles(outer, channels, -(-inner // segment), learned)
        run(kernel, shape, (gx, g, kept, sums), parameters, channels=channels, segment=segment, block=block)
        if across:
            return tuple(_total(sums)[:, :channels].unbind())
        return tuple(_total(sums.transpose(1, 2).reshape(-1, channels, learned)).unbind(1))

    def maxout_value(self, layout: Layout, x: Tensor, y: Tensor, keep: bool) -> Tensor | None:
        """Write the largest of the pieces, NaN if one is, into `y`; return packed winners if `keep`."""
        rows, pieces, inner = layout
        shape = (1, rows) if inner == 1 else (rows, inner)
        winners = _bytes(shape[0] * ((shape[1] + 7) // 8) * (pieces - 1).bit_length()) if keep else None
        run(compiled(maxout.value, x.dtype, pieces, inner == 1, keep), shape, (y, x, winners))
        return winners

    def maxout_slope(self, layout: Layout, winners: Tensor, g: Tensor, gx: Tensor) -> None:
        """Write `g` where the winner is and 0 elsewhere into `gx`."""
        rows, pieces, inner = layout
        shape = (1, rows) if inner == 1 else (rows, inner)
        run(compiled(maxout.slope, g.dtype, pieces, inner == 1), shape, (gx, g, winners))

    def crelu_value(self, layout: tuple[int, int], x: Tensor, y: Tensor, keep: bool) -> Tensor | None:
        """Write max(0, x) and max(0, -x) into `y`; return two packed bits per element if `keep`."""
        rows, length = layout
        signs = _bytes(rows * ((length + 7) // 8) * 2) if keep else None
        run(compiled(crelu.value, x.dtype, keep), layout, (y, x, signs))
        return signs

    def crelu_slope(self, layout: tuple[int, int], signs: Tensor, g: Tensor, gx: Tensor) -> None:
        """Write into `gx` the first half of `g` where x > 0, minus the second where x < 0, 0 elsewhere."""
        run(compiled(crelu.slope, g.dtype), layout, (gx, g, signs))


def _bytes(size: int) -> Tensor:
    return torch.empty(size, dtype=torch.uint8, device="cpu")


def _doubles(*shape: int) -> Tensor:
    return torch.zeros(shape, dtype=torch.float64, device="cpu")


def _rows_of_block(rows: int) -> int:
    """Rows summed up into one row of partial sums: few enough to share out, enough to outweigh those sums."""
    return max(64, -(-rows // 256))


def _total(sums: Tensor) -> Tensor:
    """Add up along the first axis, in an order that does not depend on the threads."""
    with np.errstate(all="ignore"):
        return torch.from_numpy(sums.numpy().sum(axis=0))


def _arguments(record: Elementwise, values: Values) -> tuple[tuple[Any, ...], tuple[Any, ...], int]:
    """Kinds, what the task carries, and the seed, of a record's values."""
    kinds: list[Any] = []
    parameters: list[float | Tensor] = []
    seed = 0
    for value in values:
        if isinstance(value, Tensor):
            kinds.append("channels")
            parameters.append(value.float())
        elif isinstance(value, Draw):
            kinds.append("reciprocal draw" if value.reciprocal else "draw")
            parameters += (value.base, value.step)
            seed = int(value.seed)
        elif isinstance(value, str):
            kinds.append((value,))
        else:
            kinds.append("number")
            parameters.append(float(value))
    return tuple(kinds), tuple(parameters), seed


@functools.cache
def _refuses(record: Activation, dtype: torch.dtype) -> str:
    if sys.byteorder != "little":
        return "the processor is big-endian"
    on_intel = platform.machine() in ("x86_64", "AMD64")
    if dtype == torch.float16 and on_intel and not get_host_cpu_features().get("f16c"):
        return "the processor has no instructions for float16 (F16C)"
    if not isinstance(record, Elementwise):
        return ""
    kinds = tuple(
        (p.default,) if isinstance(p, Choice) else "channels" if isinstance(p, Learned) else "number"
        for p in record.parameters.values()
    )
    try:  # to write what may be wanted
        written(elementwise.value, record, kinds, dtype, False, False)
        for keeps in {"input", record.keeps}:
            written(elementwise.slope, record, kinds, dtype, False, keeps)
    except (AttributeError, TypeError, ValueError, KeyError) as error:
        return f"there is no vector code for it: {error}"
    return ""
