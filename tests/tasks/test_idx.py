"""IDX files: what is written comes back, and broken ones say how."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from rectifiers.errors import DataError
from rectifiers.tasks._idx import parse_idx

CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def idx(array: NDArray[Any]) -> bytes:
    """Write an array as IDX, as the format's description has it."""
    header = struct.pack(">HBB", 0, CODES[array.dtype.str[1:]], array.ndim)
    return (
        header
        + struct.pack(f">{array.ndim}I", *array.shape)
        + array.astype(array.dtype.newbyteorder(">")).tobytes()
    )


arrays = st.sampled_from(sorted(CODES)).flatmap(
    lambda kind: hnp.arrays(np.dtype(kind), hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5))
)


@given(arrays)
def test_round_trip(array: NDArray[Any]) -> None:
    again = parse_idx(idx(array), "file")
    assert again.dtype == array.dtype
    assert again.dtype.isnative
    assert again.shape == array.shape
    np.testing.assert_array_equal(again, array)


@given(array=arrays, data=st.data())
def test_every_truncation_is_an_error_that_names_the_file(array: NDArray[Any], data: st.DataObject) -> None:
    whole = idx(array)
    part = whole[: data.draw(st.integers(0, len(whole) - 1))]
    with pytest.raises(DataError, match=r"^some/file is (empty|truncated|no IDX file)"):
        parse_idx(part, "some/file")


@pytest.mark.parametrize(
    "content, said",
    [
        (b"", "is empty"),
        (b"\x1f\x8b\x08\x00rest", "starts with 1f 8b 08 00"),
        (b"\x00\x00\x07\x01\x00\x00\x00\x00", "no IDX file"),
        (b"\x00\x01\x08\x01\x00\x00\x00\x00", "no IDX file"),
        (b"<html>", "starts with 3c 68 74 6d"),
        (idx(np.zeros(3, np.uint8)) + b"\0", "too long: its header announces 11 bytes .* got 12"),
        (struct.pack(">HBB4I", 0, 8, 4, *[2**32 - 1] * 4), "truncated: its header announces"),
    ],
)
def test_broken_files(content: bytes, said: str) -> None:
    with pytest.raises(DataError, match=said):
        parse_idx(content, "file")
