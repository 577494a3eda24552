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
# What makes other axes of them, so that only a size can tell; or of features other features.
_RESHAPES = frozenset(("view", "reshape", "unflatten", "movedim", "moveaxis", "view_as", "reshape_as"))
_MIXES = frozenset(("pixel_shuffle", "pixel_unshuffle", "channel_shuffle", "fold", "unfold", "einsum"))


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
        if not isinstance(output, Tensor) or not output.ndim:
            return
        if name in _LAST or name in _SECOND or name in _SPATIAL:
            self.ndim = output.ndim
            self.axis = -1 if name in _LAST else 1 if name in _SECOND else output.ndim - 1 - _SPATIAL[name]
            self.channels = output.shape[self.axis] if self.axis < output.ndim else None
        elif name in _MIXES:
            self.channels = self.axis = None
        elif name in _RESHAPES and not (self.axis == -1 and output.shape[-1] == self.channels):
            self.axis = None
        elif self.axis is not None and (order := _order(name, args, kwargs)) and len(order) == self.ndim:
            axis = order.index(self.axis % self.ndim)
            self.axis = -1 if axis == self.ndim - 1 else axis
        elif name == "flatten" and output.ndim != self.ndim and self.axis != -1:
            self.ndim = output.ndim  # behind the features: (n, c, h, w) to (n, c, h * w)

    def locate(self, x: Tensor) -> tuple[int | None, int | None]:
        """Return how many features a tensor has, and on which axis (-1: the last of three or more)."""
        if self.axis is not None and x.ndim == self.ndim > 1:
            return x.shape[self.axis], 1 if x.ndim == 2 and self.axis == -1 else self.axis
        if x.ndim == 2:
            return x.shape[1], 1
        places = [i for i in range(1, x.ndim) if x.shape[i] == self.channels]
        if self.axis == -1 and x.ndim - 1 in places:
            return self.channels, -1
        if len(places) == 1:
            return self.channels, -1 if places[0] == x.ndim - 1 else places[0]
        return None, None


def _order(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[int] | None:
    """Return which old axis each new one is, of a call that reorders axes."""
    if name == "permute":
        dims = kwargs.get("dims", args[1] if len(args) > 1 else ())
        axes = list(args[1:] if isinstance(dims, int) else dims)
        return [axis % len(axes) for axis in axes]
    if name in _SWAPS and len(args) == 3:
        axes = list(range(args[0].ndim))
        i, j = args[1] % len(axes), args[2] % len(axes)
        axes[i], axes[j] = j, i
        return axes
    return None
