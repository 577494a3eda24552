"""Which axis of a tensor has the features: followed from the last layer through transpositions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

__all__ = ["Features"]

_LAST = frozenset(("linear", "matmul", "__matmul__", "addmm", "bmm", "layer_norm", "rms_norm", "embedding"))
_SPATIAL = {f"conv{up}{n}d": n for n in (1, 2, 3) for up in ("", "_transpose")}
_SECOND = frozenset(("batch_norm", "instance_norm", "group_norm"))
_SWAPS = frozenset(("transpose", "swapaxes", "swapdims"))


class Features:
    """Follows the axis of the features while a model runs.

    Attributes
    ----------
    channels : int or None
        Features that the last layer put out.
    axis : int or None
        Where they are in a tensor of `ndim` axes; -1 for the last. None once a reshaping has hidden it.
    """

    def __init__(self) -> None:
        self.channels: int | None = None
        self.axis: int | None = None
        self.ndim = 0

    def follow(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any], output: Any) -> None:
        """Take notice of a call of a torch function."""
        if name in _LAST or name in _SECOND or name in _SPATIAL:
            if isinstance(output, Tensor) and output.ndim:
                axis = -1 if name in _LAST else output.ndim - 1 - _SPATIAL[name] if name in _SPATIAL else 1
                self.ndim, self.axis = output.ndim, axis
                self.channels = output.shape[axis] if -output.ndim <= axis < output.ndim else None
        elif self.axis is not None and isinstance(output, Tensor):
            order = _order(name, args, kwargs)
            if order is not None and len(order) == self.ndim == output.ndim:
                axis = order.index(self.axis % self.ndim)
                self.axis = -1 if axis == self.ndim - 1 else axis
            elif name == "flatten" and output.ndim != self.ndim and self.axis != -1:
                self.ndim = output.ndim  # behind the features: (n, c, h, w) to (n, c, h * w)

    def locate(self, x: Tensor) -> tuple[int | None, int | None]:
        """Return how many features a tensor has, and on which axis (-1: the last of three or more)."""
        channels, axis = self.channels, self.axis
        if channels is not None and x.ndim > 1:
            fits = axis is not None and -x.ndim <= axis < x.ndim and x.shape[axis] == channels
            if fits and (x.ndim == self.ndim or axis == -1):
                return channels, 1 if x.ndim == 2 and axis == -1 else axis
            places = [i for i in range(1, x.ndim) if x.shape[i] == channels]
            if len(places) == 1:
                return channels, -1 if places[0] == x.ndim - 1 > 1 else places[0]
        return (x.shape[1], 1) if x.ndim == 2 else (None, None)


def _order(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[int] | None:
    """Return which old axis each new one is, of a call that reorders axes."""
    if name == "permute":
        dims = kwargs.get("dims", args[1] if len(args) > 1 else ())
        axes = list(args[1:] if isinstance(dims, int) else dims)
        return [axis % len(axes) for axis in axes]
    if name in _SWAPS and len(args) == 3:
        ndim = args[0].ndim
        axes = list(range(ndim))
        i, j = args[1] % ndim, args[2] % ndim
        axes[i], axes[j] = j, i
        return axes
    return None
