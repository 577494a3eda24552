"""The Triton kernels behind the interface all backends share."""

from __future__ import annotations

import functools
import subprocess
from dataclasses import dataclass
from typing import Any

import torch
import triton.language as tl
from torch import Tensor
from triton.errors import TritonError

from rectifiers.activations import Activation, Choice, Elementwise, Learned, relu
from rectifiers.backends._kernels import Draw, Layout, Saved, Values
from rectifiers.backends.gpu.elementwise import slope_kernel, value_kernel
from rectifiers.backends.gpu.formulas import (
    MOST_PARAMETERS,
    Choices,
    needs_float64,
    reason_against,
    slope_of,
    value_of,
)
from rectifiers.backends.gpu.joined import (
    crelu_slope_kernel,
    crelu_value_kernel,
    maxout_slope_kernel,
    maxout_value_kernel,
)
from rectifiers.backends.gpu.launch import WARPS, Launcher
from rectifiers.backends.gpu.learned import learned_kernel, total_kernel
from rectifiers.backends.gpu.tiles import DRAWN, LEARNED, NUMBER

__all__ = ["TritonKernels", "kernels"]

_TILE = 4096  # elements per program of the kernel that sums
_SPAN = 256  # columns of such a tile, where it is as wide as a row
# So many programs keep the largest of GPUs busy twice over. Each leaves a row of sums, and to add 4,096 of
# them took a fifth of the time of 2^27 bfloat16.
_MOST_TILES = 64
_PROGRAMS = 1024
_FEW = 32  # of so small an inner size every place gets its own partial sum, for whole rows to be read
_INT32 = 2**31 - 2**20  # below, positions with their block's overhang fit int32
_TYPES = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
# Compute capabilities that do float64 at half the rate of float32, or better.
_FAST_FLOAT64 = ((6, 0), (7, 0), (8, 0), (9, 0), (10, 0))


def _blocks(n: int, size: int) -> int:  # triton.cdiv takes microseconds
    return -(-n // size)


def _power_of_2(n: int) -> int:
    """The smallest that is not below n."""
    return 1 << (n - 1).bit_length()


def _size(dtype: torch.dtype) -> int:
    """Elements per step: 16 bytes per thread."""
    return 32 * WARPS * 16 // dtype.itemsize


@dataclass(frozen=True)
class _Kinds:
    """What kernels are compiled for in the values of a record's parameters."""

    choices: Choices
    kinds: tuple[int, ...]
    draws: bool
    reciprocal: bool

    def constants(self, dtype: torch.dtype) -> dict[str, Any]:
        """As the kernels name them."""
        return {
            "KINDS": self.kinds,
            "DRAWS": self.draws,
            "RECIPROCAL": self.reciprocal,
            "DRAW_WIDE": _wide(dtype),
        }


_NO_PARAMETERS = _Kinds((), (NUMBER.value,) * MOST_PARAMETERS, False, False)
_NO_NUMBERS = (0.0,) * (2 + MOST_PARAMETERS)


def _settings(record: Elementwise, values: Values, like: Tensor) -> tuple[_Kinds, tuple[Any, ...], Any]:
    """Return the kinds of values; seed and numbers as kernels take them; tensors as they take them.

    The numbers are the drawn one's base and step, then one per parameter.
    """
    if not values:
        return _NO_PARAMETERS, (like, *_NO_NUMBERS), (like,) * MOST_PARAMETERS
    choices: list[str | None] = []
    numbers, tensors, kinds = [], [], []
    draw = None
    for parameter, value in zip(record.parameters.values(), values, strict=True):
        chosen = isinstance(parameter, Choice)
        choices.append(value if chosen else None)
        if chosen:
            continue
        draw = value if isinstance(value, Draw) else draw
        learned = isinstance(parameter, Learned)
        numbers.append(0.0 if learned or value is draw else float(value))
        tensors.append(value if learned else like)
        kinds.append((LEARNED if learned else DRAWN if value is draw else NUMBER).value)
    rest = MOST_PARAMETERS - len(kinds)
    return (
        _Kinds(
            tuple(choices),
            (*kinds, *[NUMBER.value] * rest),
            draw is not None,
            draw is not None and draw.reciprocal,
        ),
        (
            draw.seed if draw else like,
            *((draw.base, draw.step) if draw else (0.0, 0.0)),
            *numbers,
            *[0.0] * rest,
        ),
        (*tensors, *[like] * rest),
    )


@functools.lru_cache(maxsize=4096)
def _value(record: Elementwise, kinds: _Kinds, dtype: torch.dtype, **constants: Any) -> Launcher:
    bound = value_of(record, dtype, kinds.choices)
    size = _size(dtype)
    return Launcher(
        value_kernel, **kinds.constants(dtype), **constants, FORMULA=bound.formula, WIDE=bound.wide,
        UNROLL=bound.light, SIZE=size, ROWS=4 if kinds.draws else 1,
    )  # fmt: skip


@functools.lru_cache(maxsize=4096)
def _slope(
    record: Elementwise, kinds: _Kinds, dtype: torch.dtype, keeps: Saved, **constants: Any
) -> Launcher:
    """The kernel of the slope; the one that sums as well, where a parameter is learned."""
    bound = slope_of(record, dtype, keeps, kinds.choices)
    of_formula = {
        **kinds.constants(dtype), "HOW": bound.how, "FORMULA": bound.formula, "VALUE": bound.value,
        "WIDE": bound.wide,
    }  # fmt: skip
    if bound.learned:
        assert keeps == "input", "the derivative by a learned parameter is a function of the input"
        warps = 2 * WARPS if dtype == torch.float32 else WARPS  # as measured
        return Launcher(learned_kernel, warps, **of_formula, **constants, LEARNED=bound.learned)
    size = _size(dtype)
    return Launcher(
        slope_kernel, **of_formula, BITS=keeps == "sign", UNROLL=bound.light,
        SIZE=size, ROWS=4 if kinds.draws else 1,
    )  # fmt: skip


@functools.lru_cache(maxsize=4096)
def _other(kernel: Any, **constants: Any) -> Launcher:
    return Launcher(kernel, **constants)


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
    """Kernels for CUDA tensors, compiled by Triton at the first use of each kind of call."""

    name = "triton"

    def refuses(self, record: Activation, dtype: torch.dtype) -> str:
        """Return why a record cannot run for a type; an empty string if it can."""
        if torch.version.hip is not None:
            return "the Triton kernels call CUDA's mathematical library, and this is ROCm"
        if dtype not in _TYPES:
            return f"the Triton kernels take float64, float32, float16 and bfloat16, not {dtype}"
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
        kinds, numbers, tensors = _settings(record, values, x)
        _, channels, inner = layout
        n, size = x.numel(), _size(x.dtype)
        blocks = _blocks(n, 8 * size)
        bits = torch.empty(blocks * size, dtype=torch.uint8, device=x.device) if keep else None
        launch = _value(
            record, kinds, x.dtype, KEEP=int(keep) << record.nan_is_positive, NARROW=n <= _INT32,
            CHANNELS=0 if channels == 1 else 1 if size % (channels * inner) else 2,
        )  # fmt: skip
        launch(
            (blocks, 1, 1),
            x.device,
            x,
            y,
            x if bits is None else bits,
            n,
            channels,
            inner,
            *numbers,
            *tensors,
        )
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
        kinds, numbers, tensors = _settings(record, values, g)
        learned = kinds.kinds.count(LEARNED.value)
        if learned:
            tiling = _Tiling.of(layout, learned)
            launch = _slope(
                record, kinds, g.dtype, keeps, COLUMNS=tiling.in_columns, ROWS=tiling.rows, SPAN=tiling.span
            )
            return _learned(launch, learned, tiling, (*numbers, *tensors), layout, kept, g, gx)
        n, size = g.numel(), _size(g.dtype)
        launch = _slope(record, kinds, g.dtype, keeps)
        launch((_blocks(n, 8 * size), 1, 1), g.device, kept, g, gx, n, *numbers)
        return ()

    def maxout_value(self, layout: Layout, x: Tensor, y: Tensor, keep: bool) -> Tensor | None:
        """Write the largest of the pieces into `y`; return packed winners if `keep`."""
        _, pieces, inner = layout
        count, n, size = _bits(pieces), y.numel(), _size(x.dtype)
        plane = _blocks(n, 8 * size) * size
        bits = torch.empty(count * plane, dtype=torch.uint8, device=x.device) if keep else None
        launch = _other(
            maxout_value_kernel, PIECES=pieces, BITS=count if keep else 0,
            JOINT=inner == 1 and pieces in (2, 4), SIZE=size, WIDE=_wide(x.dtype), NARROW=n <= _INT32,
        )  # fmt: skip
        launch((plane // size, 1, 1), x.device, x, y, x if bits is None else bits, n, inner, plane)
        return bits

    def maxout_slope(self, layout: Layout, winners: Tensor, g: Tensor, gx: Tensor) -> None:
        """Write `g` where the winner is and 0 elsewhere into `gx`."""
        _, pieces, inner = layout
        size, joint = _size(g.dtype), inner == 1 and pieces in (2, 4)
        neighbours = inner == 1 and not joint
        plane = _blocks(g.numel(), 8 * size) * size
        n = gx.numel() if neighbours else g.numel()
        launch = _other(
            maxout_slope_kernel, PIECES=pieces, BITS=_bits(pieces), NEIGHBOURS=neighbours, JOINT=joint,
            SIZE=size, WIDE=_wide(g.dtype), NARROW=gx.numel() <= _INT32,
        )  # fmt: skip
        launch((_blocks(n, 8 * size), 1, 1), g.device, winners, g, gx, n, inner, plane)

    def crelu_value(self, layout: tuple[int, int], x: Tensor, y: Tensor, keep: bool) -> Tensor | None:
        """Write both parts into `y`; return two packed bits per element if `keep`."""
        n, size = x.numel(), _size(x.dtype)
        plane = _blocks(n, 8 * size) * size
        bits = torch.empty(2 * plane, dtype=torch.uint8, device=x.device) if keep else None
        launch = _other(crelu_value_kernel, KEEP=keep, SIZE=size, WIDE=_wide(x.dtype), NARROW=n <= _INT32)
        launch((plane // size, 1, 1), x.device, x, y, x if bits is None else bits, n, layout[1], plane)
        return bits

    def crelu_slope(self, layout: tuple[int, int], signs: Tensor, g: Tensor, gx: Tensor) -> None:
        """Write the gradient of the input into `gx`."""
        n, size = gx.numel(), _size(g.dtype)
        plane = _blocks(n, 8 * size) * size
        launch = _other(crelu_slope_kernel, SIZE=size, WIDE=_wide(g.dtype), NARROW=n <= _INT32)
        launch((plane // size, 1, 1), g.device, signs, g, gx, n, layout[1], plane)


def _wide(dtype: torch.dtype) -> Any:
    return tl.float64 if dtype == torch.float64 else tl.float32


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
    def of(layout: Layout, learned: int) -> _Tiling:
        """The tiles of a layout: as wide as a channel is long, unless that is short."""
        outer, channels, inner = layout
        in_columns = channels > 1 and inner <= _FEW
        width = channels * inner
        span = min(_power_of_2(width), _SPAN) if in_columns else min(_power_of_2(inner), _TILE)
        rows = _TILE // span if outer > 1 else 1
        parts = inner if in_columns else _blocks(inner, span)
        column_blocks = _blocks(width, span) if in_columns else channels * parts
        most = _blocks(outer, rows)
        # One sum for several tiles where there are programs enough; of several sums Triton keeps none.
        tiles = max(1, min(_MOST_TILES, most, most * column_blocks // _PROGRAMS)) if learned == 1 else 1
        return _Tiling(in_columns, span, rows, tiles, parts, _blocks(most, tiles), column_blocks)


def _learned(
    launch: Launcher,
    learned: int,
    tiling: _Tiling,
    settings: tuple[Any, ...],
    layout: Layout,
    kept: Tensor,
    g: Tensor,
    gx: Tensor,
) -> tuple[Tensor, ...]:
    """Run the two passes; the second adds what every tile of the first has summed."""
    outer, channels, inner = layout
    size = tiling.row_blocks * channels * tiling.parts
    partial_type = torch.float64 if launch.constants["WIDE"] == tl.float64 else torch.float32
    partial = torch.empty(learned * size, dtype=partial_type, device=g.device)
    total_type = torch.float64 if g.dtype == torch.float64 else torch.float32
    total = torch.empty(learned, channels, dtype=total_type, device=g.device)
    launch(
        (tiling.row_blocks * tiling.column_blocks, 1, 1), g.device, kept, g, gx, partial,
        outer, channels, inner, 0 if outer == 1 else channels * inner,
        tiling.column_blocks, tiling.parts, size, tiling.tiles, *settings,
    )  # fmt: skip
    beside = min(8, _power_of_2(channels))
    _other(total_kernel, warps=2 * WARPS, TERMS=4096 // beside, SPAN=beside)(
        (_blocks(channels, beside), learned, 1), g.device, partial, total,
        tiling.row_blocks, channels, tiling.parts, size,
    )  # fmt: skip
    return tuple(total)


kernels = TritonKernels()
