"""The Triton kernels behind the interface all backends share."""

from __future__ import annotations

import contextlib
import functools
import subprocess
from typing import Any

import torch
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
from rectifiers.backends.gpu.formulas import MOST_PARAMETERS, jitted, reason_against
from rectifiers.backends.gpu.tiles import INTERPRETED

__all__ = ["TritonKernels", "kernels"]

_WARPS = 4
# Products are not fused into sums: a formula gives what it gives in every other backend.
_OPTIONS = {"enable_fp_fusion": False, "num_warps": _WARPS}
_INT32 = 2**31 - 2**20  # below, positions with their block's overhang fit int32
_TYPES = (torch.float32, torch.float16, torch.bfloat16)


def launch(kernel: Any, programs: int, *args: Any, **constants: Any) -> None:
    """Launch a kernel on the current stream of the device its first argument is on."""
    there = contextlib.nullcontext() if INTERPRETED else torch.cuda.device(args[0].device)
    with there:
        kernel[(programs,)](*args, **constants, **_OPTIONS)


def _tiling(n: int, dtype: torch.dtype) -> tuple[int, int]:
    """Number of programs for `n` elements, and elements per row of one: 16 bytes per thread."""
    size = 32 * _WARPS * 16 // dtype.itemsize
    return -(-n // (8 * size)), size


def _parameters(values: Values, like: Tensor) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """A record's parameters as kernels take them: seed, base, step and numbers; and constants."""
    seed, base, step, numbers = like, 0.0, 0.0, [0.0] * MOST_PARAMETERS
    constants: dict[str, Any] = {"RANDOM": -1, "RECIPROCAL": False}
    for place, value in enumerate(values):
        if isinstance(value, Draw):
            seed, base, step = value.seed, value.base, value.step
            constants = {"RANDOM": place, "RECIPROCAL": value.reciprocal}
        else:
            numbers[place] = float(value)
    return (seed, base, step, *numbers), constants


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
    """Kernels for CUDA tensors, compiled and cached by Triton. None learns, and none saves an output."""

    name = "triton"

    def refuses(self, record: Activation, dtype: torch.dtype) -> str:
        """Return why a record cannot run for a type; an empty string if it can."""
        if torch.version.hip is not None:
            return "the Triton kernels are for CUDA, and this is ROCm"
        if dtype not in _TYPES:
            return f"the Triton kernels take float32, float16 and bfloat16, not {dtype}"
        return reason_against(record) or _broken()

    def value(
        self, record: Elementwise, values: Values, layout: Layout, x: Tensor, y: Tensor, keep: bool
    ) -> Tensor | None:
        """Write f(x) into `y`; return a bit per element if `keep`."""
        parameters, constants = _parameters(values, x)
        n = x.numel()
        programs, size = _tiling(n, x.dtype)
        bits = torch.empty(programs * size, dtype=torch.uint8, device=x.device) if keep else None
        launch(
            value_kernel, programs, x, y, x if bits is None else bits, n, *parameters, **constants,
            FORMULA=jitted(record.value), KEEP=int(keep) << record.nan_is_positive, SIZE=size,
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
        """Write g times the derivative into `gx`."""
        parameters, constants = _parameters(values, g)
        programs, size = _tiling(g.numel(), g.dtype)
        launch(
            slope_kernel, programs, kept, g, gx, g.numel(), *parameters, **constants,
            FORMULA=jitted(record.derivative), BITS=keeps == "sign", SIZE=size,
        )  # fmt: skip
        return ()

    def maxout_value(self, layout: Layout, x: Tensor, y: Tensor, keep: bool) -> Tensor | None:
        """Write the largest of the pieces into `y`; return packed winners if `keep`."""
        _, pieces, inner = layout
        count = (pieces - 1).bit_length() if keep else 0
        programs, size = _tiling(y.numel(), x.dtype)
        bits = torch.empty(count * programs * size, dtype=torch.uint8, device=x.device) if keep else None
        launch(
            maxout_value_kernel, programs, x, y, x if bits is None else bits, y.numel(), inner,
            programs * size, PIECES=pieces, BITS=count, JOINT=pieces == 2 and inner == 1, SIZE=size,
            NARROW=y.numel() <= _INT32,
        )  # fmt: skip
        return bits

    def maxout_slope(self, layout: Layout, winners: Tensor, g: Tensor, gx: Tensor) -> None:
        """Write `g` where the winner is and 0 elsewhere into `gx`."""
        _, pieces, inner = layout
        programs, size = _tiling(g.numel(), g.dtype)
        launch(
            maxout_slope_kernel, programs, winners, g, gx, g.numel(), inner, programs * size,
            PIECES=pieces, BITS=(pieces - 1).bit_length(), JOINT=pieces == 2 and inner == 1, SIZE=size,
            NARROW=g.numel() <= _INT32,
        )  # fmt: skip

    def crelu_value(self, layout: tuple[int, int], x: Tensor, y: Tensor, keep: bool) -> Tensor | None:
        """Write both parts into `y`; return two packed bits per element if `keep`."""
        programs, size = _tiling(x.numel(), x.dtype)
        bits = torch.empty(2 * programs * size, dtype=torch.uint8, device=x.device) if keep else None
        launch(
            crelu_value_kernel, programs, x, y, x if bits is None else bits, x.numel(), layout[1],
            programs * size, KEEP=keep, SIZE=size, NARROW=x.numel() <= _INT32,
        )  # fmt: skip
        return bits

    def crelu_slope(self, layout: tuple[int, int], signs: Tensor, g: Tensor, gx: Tensor) -> None:
        """Write the gradient of the input into `gx`."""
        programs, size = _tiling(gx.numel(), g.dtype)
        launch(
            crelu_slope_kernel, programs, signs, g, gx, gx.numel(), layout[1], programs * size,
            SIZE=size, NARROW=gx.numel() <= _INT32,
        )  # fmt: skip


kernels = TritonKernels()
