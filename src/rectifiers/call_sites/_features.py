"""Which axis of a tensor has the features: followed from the layers through what is made of their outputs."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any, NamedTuple

from torch import Tensor

__all__ = ["Features", "share_memory"]

_LAST = frozenset(("linear", "matmul", "__matmul__", "addmm", "bmm", "layer_norm", "rms_norm", "embedding"))
_SPATIAL = {f"conv{up}{n}d": n for n in (1, 2, 3) for up in ("", "_transpose")}
_SECOND = frozenset(("batch_norm", "instance_norm", "group_norm"))
_RESHAPES = frozenset(("reshape", "view", "flatten", "unflatten", "reshape_as", "view_as"))
_MIXES = frozenset(("einsum", "tensordot", "rot90", "fold", "unfold"))  # whose axes are others


class _Known(NamedTuple):
    """What was known of a tensor when it was last seen; an operation in place may have changed it since."""

    tensor: weakref.ref[Tensor]
    axis: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class Features:
    """Follows the axis of the features while a model runs."""

    def __init__(self) -> None:
        self._known: dict[int, _Known] = {}

    def _of(self, x: Any) -> _Known | None:
        known = self._known.get(id(x))
        return known if known is not None and known.tensor() is x else None

    def follow(self, name: str, args: Sequence[Any], output: Any) -> None:
        """Take notice of a call of a torch function."""
        given = [*args[0], *args[1:]] if args and isinstance(args[0], tuple | list) else args
        inputs = [known for x in given if (known := self._of(x)) is not None]
        for y in output if isinstance(output, tuple | list) else (output,):
            if isinstance(y, Tensor):
                axis = _axis(name, inputs, y)
                self._known.pop(id(y), None)
                if axis is not None and 0 <= axis < y.ndim:
                    self._known[id(y)] = _Known(weakref.ref(y), axis, tuple(y.shape), y.stride())

    def locate(self, x: Tensor) -> tuple[int | None, int | None]:
        """Return how many features a tensor has, and on which axis (-1: the last of three or more)."""
        known = self._of(x)
        if known is None:
            return (x.shape[1], 1) if x.ndim == 2 else (None, None)
        return x.shape[known.axis], -1 if known.axis == x.ndim - 1 > 1 else known.axis


def _axis(name: str, inputs: Sequence[_Known], y: Tensor) -> int | None:
    """Return where the features of an output are."""
    if name in _LAST:
        return y.ndim - 1
    if name in _SECOND:
        return 1
    if name in _SPATIAL:
        return y.ndim - 1 - _SPATIAL[name]
    if not inputs or name in _MIXES:
        return None
    x, shape, strides = inputs[0], tuple(y.shape), y.stride()
    if name in _RESHAPES:  # the order of the elements stays
        behind = x.axis - len(x.shape)
        if shape[: x.axis + 1] == x.shape[: x.axis + 1]:
            return x.axis
        return len(shape) + behind if shape[behind:] == x.shape[behind:] else None
    other = (shape, strides) != (x.shape, x.strides)
    if other and (source := x.tensor()) is not None and share_memory(source, y):
        return _axis_of_view(x, shape, strides)
    axes = {known.axis for known in inputs if len(known.shape) == y.ndim}
    return axes.pop() if len(axes) == 1 else None


def _axis_of_view(x: _Known, shape: tuple[int, ...], strides: tuple[int, ...]) -> int | None:
    """Return where an axis is in another view of the same memory: transposed, sliced, unsqueezed."""
    within = len(shape) == len(x.shape) and all(a <= b for a, b in zip(shape, x.shape, strict=True))
    if within and strides == x.strides:
        return x.axis
    same = (x.shape[x.axis], x.strides[x.axis])
    places = [i for i, place in enumerate(zip(shape, strides, strict=True)) if place == same]
    return places[0] if len(places) == 1 else None


def share_memory(x: Tensor, y: Tensor) -> bool:
    """Return whether two tensors, or parts of them, are one."""
    try:
        return x.untyped_storage().data_ptr() == y.untyped_storage().data_ptr()
    except (RuntimeError, NotImplementedError):  # tensors without memory, as of torch.func
        return False
