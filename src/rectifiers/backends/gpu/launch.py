"""The Triton kernels behind the interface all backends share."""

from __future__ import annotations

import contextlib
import functools
import subprocess
from dataclasses import dataclass
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor
from triton.errors import TritonError

from rectifiers.activations import Activation, Choice, Elementwise, Learned, relu
from rectifiers.backends._kernels import Draw, Kept, Layout, Values
from rectifiers.backends.gpu.flat import slope_kernel, value_kernel
from rectifiers.backends.gpu.formulas import (
    MOST_PARAMETERS,
    Choices,
    is_exact,
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
from rectifiers.backends.gpu.learned import learned_kernel, total_kernel
from rectifiers.backends.gpu.tiles import DRAWN, LEARNED, NUMBER

__all__ = ["TritonKernels", "kernels"]

_WARPS = 4
_THREADS = 32 * _WARPS
_TILE = 4096  # elements per program of the kernel that sums
_FEW = 32  # of so small an inner size every place gets its own partial sum, for whole rows to be read
_INT32 = 2**31 - 2**20  # below, positions with their block's overhang fit int32
_TYPES = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
# Compute capabilities that do float64 at half the rate of float32, or better.
_FAST_FLOAT64 = ((6, 0), (7, 0), (8, 0), (9, 0), (10, 0))
# libdevice flushes float32 subnormals to 0 by default, and products would be fused into sums: `Draw` rounds
# both, and a formula gives what it gives in every other backend.
_OPTIONS = {"num_warps": _WARPS, "enable_fp_fusion": False, "enable_reflect_ftz": False}


def _run(kernel: Any, grid: tuple[int, ...], device: torch.device, *args: Any, **constants: Any) -> None:
    """Launch a kernel on the current stream of the tensors' device."""
    on = torch.cuda.device(device) if device.type == "cuda" else contextlib.nullcontext()
    with on:
        kernel[grid](*args, **constants, **_OPTIONS)


def _size(dtype: torch.dtype) -> int:
    """Elements per step: 16 bytes per thread."""
    return _THREADS * 16 // dtype.itemsize


@dataclass(frozen=True)
class _Settings:
    """The values of a record's parameters, as kernels take them."""

    choices: Choices
    numbers: tuple[float, ...]  # the drawn number's base and step, then one per parameter
    tensors: tuple[Tensor, ...]
    seed: Tensor
    constants: dict[str, Any]

    @property
    def draws(self) -> bool:
        """Whether a number is drawn per element."""
        return bool(self.constants["DRAWS"])


def _settings(record: Elementwise, values: Values, like: Tensor) -> _Settings:
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
    return _Settings(
        tuple(choices),
        ((draw.base, draw.step) if draw else (0.0, 0.0)) + (*numbers, *[0.0] * rest),
        (*tensors, *[like] * rest),
        draw.seed if draw else like,
        {
            "KINDS": (*kinds, *[NUMBER.value] * rest),
            "DRAWS": draw is not None,
            "RECIPROCAL": draw is not None and draw.reciprocal,
            "DRAW_WIDE": tl.float64 if like.dtype == torch.float64 else tl.float32,
        },
    )


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
        if torch.cuda.get_device_capability(device) in _FAST_FLOAT64 or is_exact(record):
            return ""
        return "the kernel computes it in float64, which this device does slowly"

    def value(
        self, record: Elementwise, values: Values, layout: Layout, x: Tensor, y: Tensor, keep: bool
    ) -> Tensor | None:
        """Write f(x) into `y`; return a bit per element if `keep`."""
        settings = _settings(record, values, x)
        bound = value_of(record, x.dtype, settings.choices)
        _, channels, inner = layout
        n, size = x.numel(), _size(x.dtype)
        blocks = triton.cdiv(n, 8 * size)
        bits = torch.empty(blocks * size, dtype=torch.uint8, device=x.device) if keep else None
        _run(
            value_kernel, (blocks,), x.device, x, y, x if bits is None else bits, n, channels, inner,
            settings.seed, *settings.numbers, *settings.tensors, **settings.constants,
            CHANNELS=channels > 1, FORMULA=bound.formula, WIDE=bound.wide,
            KEEP=keep, UNROLL=bound.light, SIZE=size, RUN=8 if settings.draws else size, NARROW=n <= _INT32,
        )  # fmt: skip
        return bits

    def slope(
        self,
        record: Elementwise,
        values: Values,
        layout: Layout,
        keeps: Kept,
        kept: Tensor,
        g: Tensor,
        gx: Tensor,
    ) -> tuple[Tensor, ...]:
        """Write g times the derivative into `gx`; return the gradient of every learned parameter."""
        settings = _settings(record, values, g)
        bound = slope_of(record, g.dtype, keeps, settings.choices)
        constants = {
            **settings.constants,
            "HOW": bound.how,
            "FORMULA": bound.formula,
            "VALUE": bound.value,
            "WIDE": bound.wide,
        }
        if bound.learned:
            assert keeps == "input", "the derivative by a learned parameter is a function of the input"
            return _learned(bound.learned, settings, constants, layout, kept, g, gx)
        n, size = g.numel(), _size(g.dtype)
        _run(
            slope_kernel, (triton.cdiv(n, 8 * size),), g.device, kept, g, gx, n,
            settings.seed, *settings.numbers, **constants,
            BITS=keeps == "sign", UNROLL=bound.light, SIZE=size, RUN=8 if settings.draws else size,
        )  # fmt: skip
        return ()

    def maxout_value(self, layout: Layout, x: Tensor, y: Tensor, keep: bool) -> Tensor | None:
        """Write the largest of the pieces into `y`; return packed winners if `keep`."""
        _, pieces, inner = layout
        count, n, size = _bits(pieces), y.numel(), _size(x.dtype)
        plane = triton.cdiv(n, 8 * size) * size
        bits = torch.empty(count * plane, dtype=torch.uint8, device=x.device) if keep else None
        _run(
            maxout_value_kernel, (plane // size,), x.device, x, y, x if bits is None else bits,
            n, inner, plane, PIECES=pieces, BITS=count if keep else 0, JOINT=inner == 1 and pieces in (2, 4),
            SIZE=size, WIDE=_wide(x.dtype), NARROW=n <= _INT32,
        )  # fmt: skip
        return bits

    def maxout_slope(self, layout: Layout, winners: Tensor, g: Tensor, gx: Tensor) -> None:
        """Write `g` where the winner is and 0 elsewhere into `gx`."""
        _, pieces, inner = layout
        size, neighbours = _size(g.dtype), inner == 1
        plane = triton.cdiv(g.numel(), 8 * size) * size
        n = gx.numel() if neighbours else g.numel()
        _run(
            maxout_slope_kernel, (triton.cdiv(n, 8 * size),), g.device, winners, g, gx, n, inner, plane,
            PIECES=pieces, BITS=_bits(pieces), NEIGHBOURS=neighbours,
            SIZE=size, WIDE=_wide(g.dtype), NARROW=gx.numel() <= _INT32,
        )  # fmt: skip

    def crelu_value(self, layout: tuple[int, int], x: Tensor, y: Tensor, keep: bool) -> Tensor | None:
        """Write both parts into `y`; return two packed bits per element if `keep`."""
        n, size = x.numel(), _size(x.dtype)
        plane = triton.cdiv(n, 8 * size) * size
        bits = torch.empty(2 * plane, dtype=torch.uint8, device=x.device) if keep else None
        _run(
            crelu_value_kernel, (plane // size,), x.device, x, y, x if bits is None else bits,
            n, layout[1], plane, KEEP=keep, SIZE=size, WIDE=_wide(x.dtype), NARROW=n <= _INT32,
        )  # fmt: skip
        return bits

    def crelu_slope(self, layout: tuple[int, int], signs: Tensor, g: Tensor, gx: Tensor) -> None:
        """Write the gradient of the input into `gx`."""
        n, size = gx.numel(), _size(g.dtype)
        plane = triton.cdiv(n, 8 * size) * size
        _run(
            crelu_slope_kernel, (plane // size,), g.device, signs, g, gx,
            n, layout[1], plane, SIZE=size, WIDE=_wide(g.dtype), NARROW=n <= _INT32,
        )  # fmt: skip


def _wide(dtype: torch.dtype) -> Any:
    return tl.float64 if dtype == torch.float64 else tl.float32


def _bits(pieces: int) -> int:
    """Bits that name one of the pieces."""
    if pieces > 1 << 16:
        raise ValueError(f"at most 65536 pieces, got {pieces}")
    return (pieces - 1).bit_length()


def _learned(
    learned: tuple[Any, ...],
    settings: _Settings,
    constants: dict[str, Any],
    layout: Layout,
    kept: Tensor,
    g: Tensor,
    gx: Tensor,
) -> tuple[Tensor, ...]:
    """Run the two passes; the second adds what every tile of the first has summed."""
    outer, channels, inner = layout
    in_columns = channels > 1 and inner <= _FEW
    span = 64 if in_columns else min(triton.next_power_of_2(inner), _TILE)
    rows = _TILE // span if outer > 1 else 1
    width = channels * inner
    row_blocks = triton.cdiv(outer, rows)
    parts = inner if in_columns else triton.cdiv(inner, span)
    column_blocks = triton.cdiv(width, span) if in_columns else channels * parts
    size = row_blocks * channels * parts
    wide = constants["WIDE"]
    partial = torch.empty(
        len(learned) * size, dtype=torch.float64 if wide == tl.float64 else torch.float32, device=g.device
    )
    total_type = torch.float64 if g.dtype == torch.float64 else torch.float32
    total = torch.empty(len(learned), channels, dtype=total_type, device=g.device)
    _run(
        learned_kernel, (row_blocks * column_blocks,), g.device, kept, g, gx, partial,
        outer, channels, inner, 0 if outer == 1 else width, column_blocks, parts, size,
        settings.seed, *settings.numbers, *settings.tensors, **constants,
        LEARNED=learned, COLUMNS=in_columns, ROWS=rows, SPAN=span,
    )  # fmt: skip
    beside = min(8, triton.next_power_of_2(channels))
    _run(
        total_kernel, (triton.cdiv(channels, beside), len(learned)), g.device, partial, total,
        row_blocks, channels, parts, size, TERMS=2048 // beside, SPAN=beside,
    )  # fmt: skip
    return tuple(total)


kernels = TritonKernels()
