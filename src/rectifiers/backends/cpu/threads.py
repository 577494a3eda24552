"""Run a kernel on as many threads as torch uses: in torch's own OpenMP pool where there is one.

The pool of GNU OpenMP is torch's already: no second one competes for the cores, a launch costs a microsecond,
and each calling thread has its own team. It does not survive a fork (torch's own operations hang in a child
of a process in which they ran in parallel); in a child, and where OpenMP is another one, threads of Python do
it: the kernels run without Python's lock.
"""

from __future__ import annotations

import ctypes
import functools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch

__all__ = ["GRAIN", "run", "team"]

GRAIN = 32768  # elements that are worth a thread, as torch has it

_Call = ctypes.CFUNCTYPE(None, ctypes.c_int64)
_forked = False


def team(elements: int) -> int:
    """Number of threads for so many elements."""
    return 1 if elements < GRAIN else min(torch.get_num_threads(), -(-elements // GRAIN))


@functools.cache
def _entry(address: int) -> Callable[[int], None]:
    return _Call(address)


def run(address: int, task: int, threads: int) -> None:
    """Call the kernel at `address` with a task, on several threads at once, and wait for all of them."""
    if threads <= 1:
        _entry(address)(task)
    elif (parallel := None if _forked else _openmp()) is not None:
        parallel(address, task, threads, 0)
    else:
        entry = _entry(address)
        others = [_pool(os.getpid()).submit(entry, task) for _ in range(threads - 1)]
        entry(task)
        for other in others:
            other.result()


@functools.cache
def _openmp() -> Callable[[int, int, int, int], None] | None:
    """``GOMP_parallel`` of the library that torch has loaded, or None."""
    try:
        maps = Path("/proc/self/maps").read_text()
    except OSError:
        return None
    paths = {line.split(maxsplit=5)[-1] for line in maps.splitlines() if "libgomp" in line}
    if len(paths) != 1:  # another OpenMP, or two of them
        return None
    library = ctypes.CDLL(paths.pop())
    function = library.GOMP_parallel
    function.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint)
    function.restype = None
    call: Callable[[int, int, int, int], None] = function
    return call


@functools.cache
def _pool(process: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max(1, (os.cpu_count() or 2) - 1), thread_name_prefix="rectifiers")


def _after_fork() -> None:
    global _forked
    _forked = True


os.register_at_fork(after_in_child=_after_fork)
