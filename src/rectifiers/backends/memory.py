"""Memory from the system: fresh pages cost more than any activation."""

from __future__ import annotations

import ctypes
import functools
import sys
from collections.abc import Callable

from torch import Tensor

__all__ = ["LARGE", "huge_pages", "keep_freed_memory"]

LARGE = 4 << 20
"""Bytes from which a result comes in fresh pages, unless freed memory is kept."""

_HUGE_PAGE = 2 << 20
_ADVISE_HUGE = 14  # MADV_HUGEPAGE
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # mallopt's names for them
_HIGHEST = 2**31 - 1


def keep_freed_memory() -> bool:
    """Tell the C library to keep freed memory for the next tensor, instead of giving it back to the system.

    glibc returns large blocks to the system when they are freed, and gets fresh pages, which the system has
    to zero, for the next ones: at 2^24 float32 elements that costs more than twice what ReLU does. This
    sets its thresholds (``mallopt``: ``M_MMAP_THRESHOLD``, ``M_TRIM_THRESHOLD``) to their largest value for
    the whole process, which then holds on to the most memory it ever used. Never called by the library.

    Returns
    -------
    bool
        Whether it took effect. Elsewhere than under glibc it does nothing and returns False.

    Examples
    --------
    >>> import rectifiers
    >>> kept = rectifiers.keep_freed_memory()
    """
    if not sys.platform.startswith("linux"):
        return False
    library = ctypes.CDLL(None)
    if not hasattr(library, "gnu_get_libc_version"):
        return False
    set_ = [library.mallopt(name, _HIGHEST) for name in (_MMAP_THRESHOLD, _TRIM_THRESHOLD)]
    return set_ == [1, 1]


def huge_pages(result: Tensor) -> None:
    """Ask for 2 MiB pages behind a large fresh result: one page fault instead of 512."""
    size = result.nbytes
    if size < LARGE or (advise := _advise()) is None:
        return
    start = -(-result.data_ptr() // _HUGE_PAGE) * _HUGE_PAGE
    end = (result.data_ptr() + size) // _HUGE_PAGE * _HUGE_PAGE
    if end > start:
        advise(start, end - start, _ADVISE_HUGE)  # advice: whether it is taken does not matter


@functools.cache
def _advise() -> Callable[[int, int, int], int] | None:
    if not sys.platform.startswith("linux"):
        return None
    function = ctypes.CDLL(None).madvise
    function.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    call: Callable[[int, int, int], int] = function
    return call
