"""The IDX format of MNIST: a magic number, the sizes of the axes, the values, all big-endian."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rectifiers.errors import DataError

__all__ = ["parse_idx"]

_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def parse_idx(content: bytes, name: str) -> NDArray[Any]:
    """Return the array an IDX file holds.

    Parameters
    ----------
    content : bytes
        The whole file, decompressed.
    name : str
        What to call it in errors.

    Raises
    ------
    DataError
        If it is empty, no IDX file, truncated, or longer than its header says.
    """
    if not content:
        raise DataError(f"{name} is empty: fetch it again")
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in _TYPES:
        raise DataError(
            f"{name} is no IDX file: it must start with 00 00, a type and a number of axes, "
            f"but starts with {content[:4].hex(' ') or 'nothing'}"
        )
    kind, axes = np.dtype(_TYPES[content[2]]), content[3]
    start = 4 + 4 * axes
    if len(content) < start:
        raise DataError(f"{name} is truncated: a header of {start} bytes was announced, got {len(content)}")
    shape = tuple(int.from_bytes(content[i : i + 4], "big") for i in range(4, start, 4))
    expected = start + kind.itemsize * math.prod(shape)
    if len(content) != expected:
        fault = "truncated" if len(content) < expected else "too long"
        raise DataError(
            f"{name} is {fault}: its header announces {expected} bytes (shape {shape}), got {len(content)}"
        )
    return np.frombuffer(content, kind, offset=start).reshape(shape).astype(kind.newbyteorder("="))
