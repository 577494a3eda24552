"""The kernels of the processor: which code runs over a tensor, and in what pieces."""

from __future__ import annotations

import functools
import platform
import struct
import sys
from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from torch import Tensor

from rectifiers.activations import Activation, Elementwise
from rectifiers.backends._kernels import Draw, Kept, Layout, Values
from rectifiers.backends.cpu import build
from rectifiers.backends.cpu.direct import caller
from rectifiers.backends.cpu.fingerprint import fingerprint
from rectifiers.backends.cpu.task import PARAMETERS, Word, packed
from rectifiers.backends.cpu.threads import GRAIN, run, team
from rectifiers.backends.cpu.tiling import tile_of
from rectifiers.backends.memory import huge_pages

__all__ = ["NumbaKernels", "prepared_slope"]

_STREAM = 4 << 20  # bytes of a result from which it is written past the caches
_SEGMENT = 8192  # elements summed up into one partial sum: a matter of the layout alone, as the sums are
_UNIT = 64
_Reads: TypeAlias = tuple[tuple[Word, int], ...]  # as `write_tile` has it


class NumbaKernels:
    """`Kernels` in machine code that Numba makes, for tensors in the processor's memory."""

    name = "numba"
    draws_swapped = True

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
        bits = torch.empty((n + 7) // 8, dtype=torch.uint8) if keep else None
        if y is not x:
            huge_pages(y)
        kinds, parameters, seed = _arguments(record, values)
        swapped = _swapped(values)
        across = layout[2] == 1 and layout[1] > 1
        kernel = _value_kernel(record, kinds, x.dtype, across, keep, swapped is not None)
        addresses = (x.data_ptr(), y.data_ptr(), 0 if bits is None else bits.data_ptr(), 0)
        if swapped is not None:
            _tiles(kernel, swapped, y, addresses, parameters, seed)
        elif layout[1] == 1:
            _flat(kernel, n, y, addresses, parameters, seed)
        elif across:
            _blocks(kernel, layout, y, addresses, parameters, seed, _rows_of_block(layout))
        else:
            shape = (layout[0] * layout[1], layout[2])
            _rows(kernel, shape, y, addresses, parameters, layout[1], seed=seed)
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
        huge_pages(gx)
        kinds, parameters, seed = _arguments(record, values)
        learned = kinds.count("channels")
        outer, channels, inner = layout
        swapped = _swapped(values)
        across = inner == 1 and channels > 1
        kernel = _slope_kernel(record, kinds, g.dtype, across, keeps, swapped is not None)
        addresses = [kept.data_ptr(), g.data_ptr(), gx.data_ptr(), 0]
        if swapped is not None:
            _tiles(kernel, swapped, gx, tuple(addresses), parameters, seed)
            return ()
        if not learned:
            _flat(kernel, gx.numel(), gx, tuple(addresses), parameters, seed)
            return ()
        if across:
            size = _rows_of_block(layout)
            sums = torch.zeros((-(-outer // size), learned, channels), dtype=torch.float64)
            addresses[3] = sums.data_ptr()
            _blocks(kernel, layout, gx, tuple(addresses), parameters, seed, size)
            total = _in_order(sums)
        else:
            count = -(-inner // _SEGMENT)
            sums = torch.empty((outer, channels, count, learned), dtype=torch.float64)
            addresses[3] = sums.data_ptr()
            shape = (outer * channels, inner)
            _rows(kernel, shape, gx, tuple(addresses), parameters, channels, _SEGMENT, seed)
            if count == 1 or channels == 1:
                total = _in_order(sums.view(outer * count, channels, learned)).T
            else:
                total = _in_order(sums.permute(0, 2, 3, 1).reshape(outer * count, learned, channels))
        return tuple(total.unbind())

    def maxout_value(self, layout: Layout, x: Tensor, y: Tensor, keep: bool) -> Tensor | None:
        """Write the largest of the pieces, NaN if one is, into `y`; return packed winners if `keep`."""
        rows, pieces, inner = layout
        shape = (1, rows) if inner == 1 else (rows, inner)
        huge_pages(y)
        winners = None
        if keep:
            size = shape[0] * ((shape[1] + 7) // 8) * (pieces - 1).bit_length()
            winners = torch.empty(size, dtype=torch.uint8)
        kernel = _maxout_kernel("value", x.dtype, pieces, inner == 1, keep)
        addresses = (x.data_ptr(), y.data_ptr(), 0 if winners is None else winners.data_ptr(), 0)
        _rows(kernel, shape, y, addresses)
        return winners

    def maxout_slope(self, layout: Layout, winners: Tensor, g: Tensor, gx: Tensor) -> None:
        """Write `g` where the winner is and 0 elsewhere into `gx`."""
        rows, pieces, inner = layout
        huge_pages(gx)
        kernel = _maxout_kernel("slope", g.dtype, pieces, inner == 1, True)
        shape = (1, rows) if inner == 1 else (rows, inner)
        _rows(kernel, shape, gx, (winners.data_ptr(), g.data_ptr(), gx.data_ptr(), 0))

    def crelu_value(self, layout: tuple[int, int], x: Tensor, y: Tensor, keep: bool) -> Tensor | None:
        """Write max(0, x) and max(0, -x) into `y`; return two packed bits per element if `keep`."""
        rows, length = layout
        huge_pages(y)
        signs = torch.empty(rows * ((length + 7) // 8) * 2, dtype=torch.uint8) if keep else None
        addresses = (x.data_ptr(), y.data_ptr(), 0 if signs is None else signs.data_ptr(), 0)
        _rows(_crelu_kernel("value", x.dtype, keep), layout, y, addresses)
        return signs

    def crelu_slope(self, layout: tuple[int, int], signs: Tensor, g: Tensor, gx: Tensor) -> None:
        """Write into `gx` the first half of `g` where x > 0, minus the second where x < 0, 0 elsewhere."""
        huge_pages(gx)
        _rows(
            _crelu_kernel("slope", g.dtype, True),
            layout,
            gx,
            (signs.data_ptr(), g.data_ptr(), gx.data_ptr(), 0),
        )


def prepared_slope(record: Elementwise, values: Values, g: Tensor) -> Callable[[Tensor, Tensor, int], None]:
    """Return what does `NumbaKernels.slope` at a third of the cost, for tensors no larger than `g`.

    Returns
    -------
    callable
        Of x, a contiguous tensor; what is written; and the seed, which is not that of `values`.
    """
    kinds, parameters, _ = _arguments(record, values)
    bits = struct.unpack(f"{len(parameters)}q", struct.pack(f"{len(parameters)}d", *parameters))
    rest = (0,) * (PARAMETERS - Word.SEED - 1) + bits
    call = caller(_slope_kernel(record, kinds, g.dtype, False, "input"))

    def slope(x: Tensor, gx: Tensor, seed: int) -> None:
        n = x.numel()
        call(0, 1, 1, 1, n, n, 1, 0, x.data_ptr(), g.data_ptr(), gx.data_ptr(), 0, 1, seed, *rest)

    return slope


def _flat(
    kernel: int, n: int, out: Tensor, addresses: tuple[int, ...], parameters: tuple[float, ...], seed: int
) -> None:
    threads = team(n)
    size = n if threads == 1 else max(8192, -(-n // (threads * 8 * _UNIT)) * _UNIT)
    items = -(-n // size)
    words = (0, items, 1, 1, n, size, items, _streams(out, size, addresses), *addresses, 1, seed)
    run(kernel, packed(words, parameters), threads)


def _rows(
    kernel: int,
    shape: tuple[int, int],
    out: Tensor,
    addresses: tuple[int, ...],
    parameters: tuple[float, ...] = (),
    channels: int = 1,
    segment: int = 0,
    seed: int = 0,
) -> None:
    """Rows in segments; of a size that follows from the number of threads unless it is given."""
    rows, length = shape
    threads = team(rows * length)
    size = segment or max(8192, -(-rows * length // (threads * 8 * _UNIT)) * _UNIT)
    count = -(-length // size)
    items = rows * count
    batch = max(1, items // (threads * 8))
    words = (
        0,
        items,
        batch,
        rows,
        length,
        size,
        count,
        _streams(out, length, addresses),
        *addresses,
        channels,
        seed,
    )
    run(kernel, packed(words, parameters), threads)


def _rows_of_block(layout: Layout) -> int:
    """Rows summed up into one row of partial sums: few enough to share out, enough to outweigh those sums."""
    return max(64, -(-layout[0] // 256))


def _blocks(
    kernel: int,
    layout: Layout,
    out: Tensor,
    addresses: tuple[int, ...],
    parameters: tuple[float, ...],
    seed: int,
    size: int,
) -> None:
    rows, channels, _ = layout
    items = -(-rows // size)
    stream = _streams(out, channels, addresses)
    words = (0, items, 1, rows, channels, size, 1, stream, *addresses, channels, seed)
    run(kernel, packed(words, parameters), team(rows * channels))


def _tiles(
    kernel: int,
    swapped: Layout,
    out: Tensor,
    addresses: tuple[int, ...],
    parameters: tuple[float, ...],
    seed: int,
) -> None:
    outer, channels, places = swapped
    height, width, pitch = tile_of(channels, places)
    threads, count = team(out.numel()), -(-channels // width)
    items = outer * -(-places // height) * count
    batch = max(1, items // (threads * 8))
    stream = _streams(out, 0 if count == 1 else channels, addresses)
    words = (0, items, batch, places, channels, width, count, stream, *addresses, 1, seed, height, pitch)
    run(kernel, packed(words, parameters), threads)


def _streams(out: Tensor, length: int, addresses: tuple[int, ...]) -> int:
    """Whether results go past the caches: large ones, whose rows all start where such stores may."""
    size = out.element_size()
    return int(out.nbytes >= _STREAM and not (out.data_ptr() | length * size) & 63)


def _in_order(sums: Tensor) -> Tensor:
    """Add up along the first axis, in an order that does not depend on the threads."""
    if sums.numel() < GRAIN:  # torch takes one thread
        return sums.sum(0)
    return torch.from_numpy(sums.numpy().sum(axis=0))


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


def _swapped(values: Values) -> Layout | None:
    """How the elements lie in memory, where that is not the order in which numbers are drawn."""
    return next((value.swapped for value in values if isinstance(value, Draw)), None)


def _compiled(
    key: str, strip: Callable[[Any], None], across: bool = False, reads: _Reads | None = None
) -> int:
    """Address of a kernel of strips; of tiles of them if it is said what they read."""

    def compile_() -> Any:
        from numba import njit

        from rectifiers.backends.cpu import walks

        if reads is not None:
            walk = walks.tiles(walks.tiled(strip, reads))
        else:
            walk = (walks.blocks if across else walks.segments)(walks.inlined(strip))
        options: Any = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
        return njit("void(intp)", **options)(walk)

    return build.function_of(key, compile_)


def _reads(dtype: torch.dtype, *words: Word) -> _Reads:
    return tuple((word, dtype.itemsize) for word in words)


@functools.cache
def _value_kernel(
    record: Elementwise,
    kinds: tuple[Any, ...],
    dtype: torch.dtype,
    across: bool,
    keep: bool,
    swapped: bool = False,
) -> int:
    def strip(s: Any) -> None:
        from rectifiers.backends.cpu.elementwise import Formulas, value

        value(s, Formulas(record, kinds, across=across), dtype, keep)

    key = f"value {fingerprint(record)} {kinds} {dtype} {across} {keep} {swapped}"
    return _compiled(key, strip, across, _reads(dtype, Word.A) if swapped else None)


@functools.cache
def _slope_kernel(
    record: Elementwise,
    kinds: tuple[Any, ...],
    dtype: torch.dtype,
    across: bool,
    keeps: str,
    swapped: bool = False,
) -> int:
    def strip(s: Any) -> None:
        from rectifiers.backends.cpu.elementwise import Formulas, slope

        slope(s, Formulas(record, kinds, across=across), dtype, keeps)

    key = f"slope {fingerprint(record)} {kinds} {dtype} {across} {keeps} {swapped}"
    words = (Word.B,) if keeps == "sign" else (Word.A, Word.B)  # of bits there are few
    return _compiled(key, strip, across, _reads(dtype, *words) if swapped else None)


@functools.cache
def _maxout_kernel(role: str, dtype: torch.dtype, pieces: int, side_by_side: bool, keep: bool) -> int:
    def strip(s: Any) -> None:
        from rectifiers.backends.cpu import maxout

        if role == "value":
            maxout.value(s, dtype, pieces, side_by_side, keep)
        else:
            maxout.slope(s, dtype, pieces, side_by_side)

    return _compiled(f"maxout {role} {dtype} {pieces} {side_by_side} {keep}", strip)


@functools.cache
def _crelu_kernel(role: str, dtype: torch.dtype, keep: bool) -> int:
    def strip(s: Any) -> None:
        from rectifiers.backends.cpu import crelu

        if role == "value":
            crelu.value(s, dtype, keep)
        else:
            crelu.slope(s, dtype)

    return _compiled(f"crelu {role} {dtype} {keep}", strip)
