"""Run a kernel over a tensor, on as many threads as torch uses.

They are those of torch's GNU OpenMP, so that no second pool competes for the cores. It does not survive a
fork: in a child, and with another OpenMP, threads of Python do it; kernels run without Python's lock.
"""

from __future__ import annotations

import ctypes
import functools
import os
import struct
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
from torch import Tensor

from rectifiers.backends.memory import huge_pages

__all__ = ["run", "start"]

_GRAIN = 32768  # elements that are worth a thread, as torch has it
_LEAST = 8192  # elements of a segment
_STREAMED = 8 << 20  # bytes of a result that goes past the caches, so that nothing is read to be overwritten
_Call = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
_process = os.getpid()


def run(
    kernel: int,
    shape: tuple[int, int],
    tensors: tuple[Tensor | None, ...],
    parameters: tuple[float | Tensor, ...] = (),
    *,
    channels: int = 1,
    seed: int = 0,
    segment: int = 0,
    block: int = 1,
) -> None:
    """Run a kernel over rows in segments, of `block` rows at a time.

    Parameters
    ----------
    kernel : int
        Its address.
    shape : (rows, length)
    tensors : tuple of Tensor or None
        Those at A to D; the first is the result.
    parameters : tuple of float or Tensor
    segment : int
        Elements; chosen by the number of threads if 0.
    """
    rows, length = shape
    out = tensors[0]
    assert out is not None
    if out is not tensors[1]:
        huge_pages(out)
    threads = max(1, min(torch.get_num_threads(), rows * length // _GRAIN))
    segment = segment or max(_LEAST, -(-rows * length // (threads * 8 * 64)) * 64)
    segments = -(-length // segment)
    items = -(-rows // block) * segments
    batch = max(1, items // (threads * 8))
    aligned = not (out.data_ptr() | length * out.element_size()) & 63
    stream = aligned and out.nbytes >= _STREAMED
    addresses = [0 if tensor is None else tensor.data_ptr() for tensor in (*tensors, None, None)[:4]]
    words = (0, items, batch, rows, length, segment, segments, block, stream, *addresses, channels, seed)
    start(kernel, words, parameters, threads)


def start(kernel: int, words: tuple[int, ...], parameters: tuple[float | Tensor, ...], threads: int) -> None:
    """Call a kernel with the words of a task, on several threads at once, and wait for all of them."""
    kinds = "".join("q" if isinstance(value, Tensor) else "d" for value in parameters)
    values = [value.data_ptr() if isinstance(value, Tensor) else value for value in parameters]
    task = ctypes.create_string_buffer(struct.pack(f"={len(words)}q{kinds}", *words, *values))
    if threads == 1:
        _entry(kernel)(task)
    elif os.getpid() == _process and (parallel := _openmp()) is not None:
        parallel(kernel, task, threads, 0)
    else:
        list(_pool(os.getpid()).map(_entry(kernel), [task] * threads))


@functools.cache
def _entry(address: int) -> Callable[..., None]:
    return _Call(address)


@functools.cache
def _openmp() -> Callable[..., None] | None:
    """``GOMP_parallel`` of the library that torch has loaded, or None."""
    maps = Path("/proc/self/maps")
    lines = maps.read_text().splitlines() if maps.exists() else []
    paths = {line.split(maxsplit=5)[-1] for line in lines if "libgomp" in line}
    if len(paths) != 1:  # another OpenMP, or two of them
        return None
    function = ctypes.CDLL(paths.pop()).GOMP_parallel
    function.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint)
    function.restype = None
    call: Callable[..., None] = function
    return call


@functools.cache
def _pool(process: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="rectifiers")
