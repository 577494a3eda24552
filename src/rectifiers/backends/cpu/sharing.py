"""How the work of a call is cut into items, which threads take one after the other."""

from __future__ import annotations

import torch
from torch import Tensor

from rectifiers.backends._kernels import Layout
from rectifiers.backends.cpu.caches import last_cache
from rectifiers.backends.cpu.task import packed
from rectifiers.backends.cpu.threads import GRAIN, run, team

__all__ = ["SEGMENT", "in_order", "rows_of_block", "run_blocks", "run_flat", "run_rows"]

_TENSORS = 4  # of a result's size, between which forward and backward go back and forth
SEGMENT = 8192  # elements summed up into one partial sum: a matter of the layout alone, as the sums are
_UNIT = 64


def run_flat(
    kernel: int, n: int, out: Tensor, addresses: tuple[int, ...], parameters: tuple[float, ...], seed: int
) -> None:
    """Run a kernel over `n` elements as they lie in memory."""
    threads = team(n)
    size = n if threads == 1 else max(8192, -(-n // (threads * 8 * _UNIT)) * _UNIT)
    items = -(-n // size)
    words = (0, items, 1, 1, n, size, items, _streams(out, size, addresses), *addresses, 1, seed)
    run(kernel, packed(words, parameters), threads)


def run_rows(
    kernel: int,
    shape: tuple[int, int],
    out: Tensor,
    addresses: tuple[int, ...],
    parameters: tuple[float, ...] = (),
    channels: int = 1,
    segment: int = 0,
    seed: int = 0,
) -> None:
    """Run a kernel over rows in segments, whose size follows from the number of threads if not given."""
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


def rows_of_block(layout: Layout) -> int:
    """Rows summed up into one row of partial sums: few enough to share out, enough to outweigh those sums."""
    return max(64, -(-layout[0] // 256))


def run_blocks(
    kernel: int,
    layout: Layout,
    out: Tensor,
    addresses: tuple[int, ...],
    parameters: tuple[float, ...],
    seed: int,
    size: int,
) -> None:
    """Run a kernel over blocks of whole rows, whose elements are channels."""
    rows, channels, _ = layout
    items = -(-rows // size)
    stream = _streams(out, channels, addresses)
    words = (0, items, 1, rows, channels, size, 1, stream, *addresses, channels, seed)
    run(kernel, packed(words, parameters), team(rows * channels))


def _streams(out: Tensor, length: int, addresses: tuple[int, ...]) -> int:
    """Whether results go past the caches: large ones, whose rows all start where such stores may.

    Where input, output and their gradients do not all fit there, what is written pushes out what will be
    read, and is fetched from memory only to be overwritten.
    """
    size = out.element_size()
    return int(out.nbytes * _TENSORS >= last_cache() and not (out.data_ptr() | length * size) & 63)


def in_order(sums: Tensor) -> Tensor:
    """Add up along the first axis, in an order that does not depend on the threads."""
    if sums.numel() < GRAIN:  # torch takes one thread
        return sums.sum(0)
    return torch.from_numpy(sums.numpy().sum(axis=0))
