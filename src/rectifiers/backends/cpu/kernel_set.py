"""The kernels of the processor behind the interface all backends share."""

from __future__ import annotations

import functools
import platform
import sys
from typing import Any

import torch
from torch import Tensor

from rectifiers.activations import Activation, Elementwise
from rectifiers.backends._kernels import Draw, Layout, Saved, Values
from rectifiers.backends.cpu.compiled import crelu_kernel, maxout_kernel, slope_kernel, value_kernel
from rectifiers.backends.cpu.sharing import (
    SEGMENT,
    in_order,
    rows_of_block,
    run_blocks,
    run_flat,
    run_rows,
)
from rectifiers.backends.memory import huge_pages

__all__ = ["NumbaKernels"]


class NumbaKernels:
    """`Kernels` in machine code that Numba makes, for tensors in the processor's memory."""

    name = "numba"

    def refuses(self, record: Activation, dtype: torch.dtype) -> str:
        """Return why these kernels cannot run a record for a type here; an empty string if they can."""
        return _refuses(record, dtype)

    def slow(self, record: Activation, dtype: torch.dtype, device: torch.device) -> str:
        """Return why torch's operations are likely faster than these: here, they are not."""
        return ""

    def value(
        self, record: Elementwise, values: Values, layout: Layout, x: Tensor, y: Tensor, keep: bool
    ) -> Tensor | None:
        """Write f(x) into `y`, which may be `x`; return a packed bit per element, x > 0, if `keep`."""
        n = x.numel()
        bits = torch.empty((n + 7) // 8, dtype=torch.uint8, device="cpu") if keep else None
        if y is not x:
            huge_pages(y)
        kinds, parameters, seed = _arguments(record, values)
        across = layout[2] == 1 and layout[1] > 1
        kernel = value_kernel(record, kinds, x.dtype, across, keep)
        addresses = (x.data_ptr(), y.data_ptr(), 0 if bits is None else bits.data_ptr(), 0)
        if layout[1] == 1:
            run_flat(kernel, n, y, addresses, parameters, seed)
        elif across:
            run_blocks(kernel, layout, y, addresses, parameters, seed, rows_of_block(layout))
        else:
            shape = (layout[0] * layout[1], layout[2])
            run_rows(kernel, shape, y, addresses, parameters, layout[1], seed=seed)
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
        huge_pages(gx)
        kinds, parameters, seed = _arguments(record, values)
        learned = kinds.count("channels")
        outer, channels, inner = layout
        across = inner == 1 and channels > 1
        kernel = slope_kernel(record, kinds, g.dtype, across, keeps)
        addresses = [kept.data_ptr(), g.data_ptr(), gx.data_ptr(), 0]
        if not learned:
            run_flat(kernel, gx.numel(), gx, tuple(addresses), parameters, seed)
            return ()
        if across:
            size = rows_of_block(layout)
            sums = torch.zeros((-(-outer // size), learned, channels), dtype=torch.float64, device="cpu")
            addresses[3] = sums.data_ptr()
            run_blocks(kernel, layout, gx, tuple(addresses), parameters, seed, size)
            total = in_order(sums)
        else:
            count = -(-inner // SEGMENT)
            sums = torch.empty((outer, channels, count, learned), dtype=torch.float64, device="cpu")
            addresses[3] = sums.data_ptr()
            shape = (outer * channels, inner)
            run_rows(kernel, shape, gx, tuple(addresses), parameters, channels, SEGMENT, seed)
            if count == 1 or channels == 1:
                total = in_order(sums.view(outer * count, channels, learned)).T
            else:
                total = in_order(sums.permute(0, 2, 3, 1).reshape(outer * count, learned, channels))
        return tuple(total.unbind())

    def maxout_value(self, layout: Layout, x: Tensor, y: Tensor, keep: bool) -> Tensor | None:
        """Write the largest of the pieces, NaN if one is, into `y`; return packed winners if `keep`."""
        rows, pieces, inner = layout
        shape = (1, rows) if inner == 1 else (rows, inner)
        huge_pages(y)
        winners = None
        if keep:
            size = shape[0] * ((shape[1] + 7) // 8) * (pieces - 1).bit_length()
            winners = torch.empty(size, dtype=torch.uint8, device="cpu")
        kernel = maxout_kernel("value", x.dtype, pieces, inner == 1, keep)
        addresses = (x.data_ptr(), y.data_ptr(), 0 if winners is None else winners.data_ptr(), 0)
        run_rows(kernel, shape, y, addresses)
        return winners

    def maxout_slope(self, layout: Layout, winners: Tensor, g: Tensor, gx: Tensor) -> None:
        """Write `g` where the winner is and 0 elsewhere into `gx`."""
        rows, pieces, inner = layout
        huge_pages(gx)
        kernel = maxout_kernel("slope", g.dtype, pieces, inner == 1, True)
        shape = (1, rows) if inner == 1 else (rows, inner)
        run_rows(kernel, shape, gx, (winners.data_ptr(), g.data_ptr(), gx.data_ptr(), 0))

    def crelu_value(self, layout: tuple[int, int], x: Tensor, y: Tensor, keep: bool) -> Tensor | None:
        """Write max(0, x) and max(0, -x) into `y`; return two packed bits per element if `keep`."""
        rows, length = layout
        huge_pages(y)
        signs = torch.empty(rows * ((length + 7) // 8) * 2, dtype=torch.uint8, device="cpu") if keep else None
        addresses = (x.data_ptr(), y.data_ptr(), 0 if signs is None else signs.data_ptr(), 0)
        run_rows(crelu_kernel("value", x.dtype, keep), layout, y, addresses)
        return signs

    def crelu_slope(self, layout: tuple[int, int], signs: Tensor, g: Tensor, gx: Tensor) -> None:
        """Write into `gx` the first half of `g` where x > 0, minus the second where x < 0, 0 elsewhere."""
        huge_pages(gx)
        run_rows(
            crelu_kernel("slope", g.dtype, True),
            layout,
            gx,
            (signs.data_ptr(), g.data_ptr(), gx.data_ptr(), 0),
        )


def _arguments(record: Elementwise, values: Values) -> tuple[tuple[Any, ...], tuple[float, ...], int]:
    """Kinds, what the task carries, and the seed, of a record's values."""
    if not values:
        return (), (), 0
    kinds: list[Any] = []
    parameters: list[float] = []
    seed = 0
    for value in values:
        if isinstance(value, Tensor):
            kinds.append("channels")
            parameters.append(value.data_ptr())
        elif isinstance(value, Draw):
            kinds.append("reciprocal draw" if value.reciprocal else "draw")
            parameters += (value.base, value.step)
            seed = int(value.seed)
        elif isinstance(value, str):
            kinds.append((value,))
        else:
            kinds.append("number")
            parameters.append(value)
    return tuple(kinds), tuple(parameters), seed


@functools.cache
def _refuses(record: Activation, dtype: torch.dtype) -> str:
    from llvmlite.binding import get_host_cpu_features

    if sys.byteorder != "little":
        return "the processor is big-endian"
    if (
        dtype == torch.float16
        and platform.machine() in ("x86_64", "AMD64")
        and not get_host_cpu_features().get("f16c")
    ):
        return "the processor has no instructions for float16 (F16C)"
    if not isinstance(record, Elementwise):
        return ""
    from rectifiers.backends.cpu.trial import obstacle

    return obstacle(record)
