"""What NumPy does in place of libdevice and of the hardware's conversions where Triton interprets kernels."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import triton.language as tl
from numpy.typing import NDArray
from triton.runtime.interpreter import TensorHandle

from rectifiers import vocabulary

__all__ = ["rounded", "widened", "words"]

_NUMPY: dict[Any, Any] = {tl.float64: np.float64, tl.float32: np.float32, tl.float16: np.float16}


def _tile(array: NDArray[Any], dtype: Any, *like: Any) -> Any:
    shape = list(array.shape)
    if not any(getattr(value, "shape", ()) for value in like):  # scalars are arrays of one element here
        return tl.tensor(TensorHandle(array.reshape(1), dtype), dtype)
    return tl.tensor(TensorHandle(array, dtype), tl.block_type(dtype, shape))


def words(wide: Any) -> Mapping[str, Callable[..., Any]]:
    """Return the vocabulary for tiles of the interpreter, computed in `wide`."""

    def lend(word: Callable[..., Any]) -> Callable[..., Any]:
        def lent(*values: Any) -> Any:
            arrays = [_array(value, wide) for value in values]
            with np.errstate(all="ignore"):
                result = np.asarray(word(*arrays), dtype=_NUMPY[wide])
            return _tile(result, wide, *values)

        return functools.wraps(word)(lent) if hasattr(word, "__name__") else lent

    return {name: lend(word) for name, word in (vocabulary.words | {"_lifted": np.asarray}).items()}


def _array(value: Any, wide: Any) -> NDArray[Any]:
    if isinstance(value, tl.constexpr):
        value = value.value
    if isinstance(value, tl.tensor):
        data: NDArray[Any] = value.handle.data
        return data if data.dtype == np.bool_ else data.astype(_NUMPY[wide])
    return np.asarray(value) if isinstance(value, bool) else np.asarray(value, dtype=_NUMPY[wide])


def widened(value: Any, wide: Any) -> Any:
    """Return a tile in a type that holds all its numbers."""
    data = value.handle.data
    if value.dtype == tl.bfloat16:
        data = (data.astype(np.uint32) << 16).view(np.float32)
    return _tile(data.astype(_NUMPY[wide]), wide, value)


def rounded(value: Any, narrow: Any) -> Any:
    """Return a tile rounded to nearest, ties to even."""
    data = value.handle.data
    if narrow != tl.bfloat16:
        with np.errstate(all="ignore"):
            return _tile(data.astype(_NUMPY[narrow]), narrow, value)
    bits = data.astype(np.float32).view(np.uint32)
    nearest = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16
    return _tile(np.where(np.isnan(data), 0x7FC0, nearest).astype(np.uint16), narrow, value)
