"""The Triton kernels behind the interface all backends share."""

from __future__ import annotations

import contextlib
import functools
import subprocess
from dataclasses import dataclass
from typing import Any

import torch
import triton.language as tl
from torch import Tensor
from triton.errors import TritonError

from rectifiers.activations import Activation, Elementwise, relu
from rectifiers.backends._kernels import Draw, Layout, Saved, Values
from rectifiers.backends.gpu.along_axis import (
    crelu_slope_kernel,
    crelu_value_kernel,
    maxout_slope_kernel,
    maxout_value_kernel,
)
from rectifiers.backends.gpu.elementwise import slope_kernel, value_kernel
from rectifiers.backends.gpu.formulas import (
    MOST_PARAMETERS,
    needs_float64,
    reason_against,
    slope_of,
    value_of,
)
from rectifiers.backends.gpu.learned import learned_kernel, total_kernel
from rectifiers.backends.gpu.tiles import DRAWN, LEARNED, NUMBER
from rectifiers.backends.gpu.words import INTERPRETED

__all__ = ["TritonKernels", "kernels"]

_WARPS = 4
# libdevice flushes float32 subnormals to 0 by default, and products would be fused into sums: `Draw` rounds
# both, and a formula gives what it gives in every other backend.
_OPTIONS = {"enable_fp_fusion": False, "enable_reflect_ftz": False}
_TILE = 4096  # elements per program of the kernel that sums
_SPAN = 256  # columns of such a tile, where it is as wide as a row
# So many programs keep the largest of GPUs busy twice over. Each leaves a row of sums, and to add 4,096 of
# them took a fifth of the time of 2^27 bfloat16.
_MOST_TILES = 64
_PROGRAMS = 1024
_FEW = 32  # of so small an inner size every place gets its own partial sum, for whole rows to be read
_INT32 = 2**31 - 2**20  # below, positions with their block's overhang fit int32
_TYPES = (torch.float32, torch.float16, torch.bfloat16)
# Compute capabilities that do float64 at half the rate of float32, or better.
_FAST_FLOAT64 = ((6, 0), (7, 0), (8, 0), (9, 0), (10, 0))


def launch(
    kernel: Any, programs: tuple[int, int], args: tuple[Any, ...], warps: int = _WARPS, **constants: Any
) -> None:
    """Launch a kernel on the current stream of the device its first argument is on."""
    there = contextlib.nullcontext() if INTERPRETED else torch.cuda.device(args[0].device)
    with there:
        kernel[(*programs, 1)](*args, **constants, **_OPTIONS, num_warps=warps)


def _blocks(n: int, size: int) -> int:
    return -(-n // size)


def _power_of_2(n: int) -> int:
    """The smallest that is not below n."""
    return 1 << (n - 1).bit_length()


def _size(dtype: torch.dtype) -> int:
    """Elements per step: 16 bytes per thread."""
    return 32 * _WARPS * 16 // dtype.itemsize


class _Parameters:
    """A record's parameters as kernels take them: constants, numbers, and tensors for weight and seed."""

    def __init__(self, values: Values, like: Tensor) -> None:
        kinds, self.numbers = [NUMBER.value] * MOST_PARAMETERS, [0.0] * MOST_PARAMETERS
        self.weight = self.seed = like
        self.draw, self.reciprocal = (0.0, 0.0), False
        for place, value in enumerate(values):
            if isinstance(value, Tensor):
                kinds[place], self.weight = LEARNED.value, value
            elif isinstance(value, Draw):
                kinds[place], self.seed = DRAWN.value, value.seed
                self.draw, self.reciprocal = (value.base, value.step), value.reciprocal
            else:
                self.numbers[place] = float(value)
        self.kinds = tuple(kinds)
        self.learned, self.draws = LEARNED.value in kinds, DRAWN.value in kinds

    @property
    def of_draw(self) -> dict[str, Any]:
        """The constants of a kernel that may draw numbers."""
        return {
            "KINDS": self.kinds, "DRAWS": self.draws, "RECIPROCAL": self.reciprocal,
            "ROWS": 4 if self.draws else 1,
        }  # fmt: skip


@functools.cache
def _broken() -> str:
    """Return why no kernel can be compiled and launched here, by trying one; an empty string if it worked."""
    if not torch.cuda.is_available():
        return ""
    x = torch.ones(1, device="cuda")
    try:
        kernels.value(relu, (), (1, 1, 1), x, torch.empty_like(x), False)
    except (OSError, RuntimeError, subprocess.SubprocessError, TritonError) as error:
        first = (str(error).splitlines() or [""])[0]
        return f"the first kernel failed here with {type(error).__name__}: {first}"
    return ""


class TritonKernels:
    """Kernels for CUDA tensors, compiled and cached by Triton."""

    name = "triton"

    def refuses(self, record: Activation, dtype: torch.dtype) -> str:
        """Return why a record cannot run for a type; an empty string if it can."""
        if torch.version.hip is not None:
            return "the Triton kernels call CUDA's mathematical library, and this is ROCm"
        if dtype not in _TYPES:
            return f"the Triton kernels take float32, float16 and bfloat16, not {dtype}"
        return reason_against(record) or _broken()

    def slow(self, record: Activation, dtype: torch.dtype, device: torch.device) -> str:
        """Return why torch's operations are likely faster; an empty string if they are not."""
        if dtype != torch.float32 or device.type != "cuda" or not isinstance(record, Elementwise):
            return ""
        if torch.cuda.get_device_capability(device) in _FAST_FLOAT64 or not needs_float64(record):
            return ""
        return "the kernel computes it in float64, which this device does slowly"

    def value(
        self, record: Elementwise, values: Values, layout: Layout, x: Tensor, y: Tensor, keep: bool
    ) -> Tensor | None:
        """Write f(x) into `y`; return a bit per element if `keep`."""
        parameters, bound = _Parameters(values, x), value_of(record, x.dtype)
        _, channels, inner = layout
        n, size = x.numel(), _size(x.dtype)
        blocks = _blocks(n, 8 * size)
        bits = torch.empty(blocks * size, dtype=torch.uint8, device=x.device) if keep else None
        many = 2 if size % (channels * inner) else 3
        args = (x, y, x if bits is None else bits, parameters.weight, n, channels, inner, parameters.seed)
        launch(
            value_kernel, (blocks, 1), (*args, *parameters.draw, *parameters.numbers), **parameters.of_draw,
            CHANNELS=0 if not parameters.learned else many if channels > 1 else 1, FORMULA=bound.formula,
            WIDE=bound.wide, KEEP=int(keep) << record.nan_is_positive, UNROLL=8 if bound.light else 1,
            SIZE=size, NARROW=n <= _INT32,
        )  # fmt: skip
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
        """Write g times the derivative into `gx`; return the gradient of the learned parameter."""
        parameters, bound = _Parameters(values, g), slope_of(record, g.dtype, keeps)
        formulas = {"HOW": bound.how, "FORMULA": bound.formula, "VALUE": bound.value, "WIDE": bound.wide}
        if parameters.learned:
            assert keeps == "input", "the derivative by a learned parameter is a function of the input"
            formulas |= {"KINDS": parameters.kinds, "LEARNED": bound.learned}
            return (_learned(formulas, parameters, layout, kept, g, gx),)
        n, size = g.numel(), _size(g.dtype)
        args = (kept, g, gx, n, parameters.seed, *parameters.draw, *parameters.numbers)
        launch(
            slope_kernel, (_blocks(n, 8 * size), 1), args, **formulas, **parameters.of_draw,
            BITS=keeps == "sign", UNROLL=8 if bound.light else 1, SIZE=size,
        )  # fmt: skip
        return ()

    def maxout_value(self, layout: Layout, x: Tensor, y: Tensor, keep: bool) -> Tensor | None:
        """Write the largest of the pieces into `y`; return packed winners if `keep`."""
        _, pieces, inner = layout
        count, n, size = _bits(pieces), y.numel(), _size(x.dtype)
        plane = _blocks(n, 8 * size) * size
        bits = torch.empty(count * plane, dtype=torch.uint8, device=x.device) if keep else None
        launch(
            maxout_value_kernel, (plane // size, 1), (x, y, x if bits is None else bits, n, inner, plane),
            PIECES=pieces, BITS=count if keep else 0, JOINT=_joint(pieces, inner), SIZE=size, WIDE=tl.float32,
            NARROW=n <= _INT32,
        )  # fmt: skip
        return bits

    def maxout_slope(self, layout: Layout, winners: Tensor, g: Tensor, gx: Tensor) -> None:
        """Write `g` where the winner is and 0 elsewhere into `gx`."""
        _, pieces, inner = layout
        n, size = g.numel(), _size(g.dtype)
        plane = _blocks(n, 8 * size) * size
        launch(
            maxout_slope_kernel, (plane // size, 1), (winners, g, gx, n, inner, plane), PIECES=pieces,
            BITS=_bits(pieces), JOINT=_joint(pieces, inner), SIZE=size, WIDE=tl.float32,
            NARROW=gx.numel() <= _INT32,
        )  # fmt: skip

    def crelu_value(self, layout: tuple[int, int], x: Tensor, y: Tensor, keep: bool) -> Tensor | None:
        """Write both parts into `y`; return two packed bits per element if `keep`."""
        n, size = x.numel(), _size(x.dtype)
        plane = _blocks(n, 8 * size) * size
        bits = torch.empty(2 * plane, dtype=torch.uint8, device=x.device) if keep else None
        launch(
            crelu_value_kernel, (plane // size, 1), (x, y, x if bits is None else bits, n, layout[1], plane),
            KEEP=keep, SIZE=size, WIDE=tl.float32, NARROW=n <= _INT32,
        )  # fmt: skip
        return bits

    def crelu_slope(self, layout: tuple[int, int], signs: Tensor, g: Tensor, gx: Tensor) -> None:
        """Write the gradient of the input into `gx`."""
        n, size = gx.numel(), _size(g.dtype)
        plane = _blocks(n, 8 * size) * size
        launch(
            crelu_slope_kernel, (plane // size, 1), (signs, g, gx, n, layout[1], plane),
            SIZE=size, WIDE=tl.float32, NARROW=n <= _INT32,
        )  # fmt: skip


def _joint(pieces: int, inner: int) -> bool:
    """Whether pieces are neighbours that are read and written in one."""
    return inner == 1 and pieces in (2, 4)


def _bits(pieces: int) -> int:
    """Bits that name one of the pieces."""
    if pieces > 1 << 16:
        raise ValueError(f"at most 65536 pieces, got {pieces}")
    return (pieces - 1).bit_length()


@dataclass(frozen=True)
class _Tiling:
    """How the kernel that sums goes through a tensor: `tiles` of (rows, span) one below the other each."""

    in_columns: bool
    span: int
    rows: int
    tiles: int
    parts: int
    row_blocks: int
    column_blocks: int

    @staticmethod
    def of(layout: Layout) -> _Tiling:
        """The tiles of a layout: as wide as a channel is long, unless that is short."""
        outer, channels, inner = layout
        in_columns = channels > 1 and inner <= _FEW
        width = channels * inner
        span = min(_power_of_2(width), _SPAN) if in_columns else min(_power_of_2(inner), _TILE)
        rows = _TILE // span if outer > 1 else 1
        parts = inner if in_columns else _blocks(inner, span)
        column_blocks = _blocks(width, span) if in_columns else channels * parts
        most = _blocks(outer, rows)
        tiles = max(1, min(_MOST_TILES, most, most * column_blocks // _PROGRAMS))
        return _Tiling(in_columns, span, rows, tiles, parts, _blocks(most, tiles), column_blocks)


def _learned(
    formulas: dict[str, Any], parameters: _Parameters, layout: Layout, saved: Tensor, g: Tensor, gx: Tensor
) -> Tensor:
    """Run the two passes; the second adds what every tile of the first has summed."""
    outer, channels, inner = layout
    tiling = _Tiling.of(layout)
    size = tiling.row_blocks * channels * tiling.parts
    partial_type = torch.float64 if formulas["WIDE"] == tl.float64 else torch.float32
    partial = torch.empty(size, dtype=partial_type, device=g.device)
    total = torch.empty(channels, dtype=torch.float32, device=g.device)
    width = 0 if outer == 1 else channels * inner
    args = (
        saved, g, gx, partial, parameters.weight, outer, channels, inner, width, tiling.column_blocks,
        tiling.parts, tiling.tiles, *parameters.numbers,
    )  # fmt: skip
    launch(
        learned_kernel, (tiling.row_blocks * tiling.column_blocks, 1), args, COLUMNS=tiling.in_columns,
        ROWS=tiling.rows, SPAN=tiling.span, **formulas,
        warps=2 * _WARPS if g.dtype == torch.float32 else _WARPS,  # as measured
    )  # fmt: skip
    beside = min(8, _power_of_2(channels))
    launch(
        total_kernel, (_blocks(channels, beside), 1),
        (partial, total, tiling.row_blocks, channels, tiling.parts),
        warps=2 * _WARPS, TERMS=4096 // beside, SPAN=beside,
    )  # fmt: skip
    return total


kernels = TritonKernels()
