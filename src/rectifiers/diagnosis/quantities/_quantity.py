"""What a quantity is: running sums of a sample per unit, and the figure that follows from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["ENOUGH", "Quantity", "Sample", "Sums", "Totals", "marked", "mean_of"]

Sums: TypeAlias = Mapping[str, Tensor]

ENOUGH = 128  # positions: fewer say little about a unit that fires seldom


@dataclass(frozen=True)
class Sample:
    """Part of a batch at one site: positions x units.

    Attributes
    ----------
    x, y : Tensor
        Pre-activations and outputs, in float32 or float64.
    slope : Tensor or None
        The activation's derivative at x; None where outputs do not belong to inputs one by one (maxout).
    gradient : Tensor or None
        Of the loss, by x; there in backward alone.
    dtype : torch.dtype
        That the gradient was computed in.
    """

    x: Tensor
    y: Tensor
    slope: Tensor | None = None
    gradient: Tensor | None = None
    dtype: torch.dtype = torch.float32


@dataclass(frozen=True)
class Totals:
    """The sums of a site over a window, on the host.

    Attributes
    ----------
    sums : mapping of str to array
        Per unit, by the keys of the quantities.
    seen, seen_backward : int
        Positions that forward and backward passes added up, per unit.
    """

    sums: Mapping[str, NDArray[np.float64]]
    seen: int
    seen_backward: int

    def mean(self, key: str) -> NDArray[np.float64] | None:
        """Return a sum over positions, divided by their number; None where there is none."""
        seen = self.seen_backward if key.startswith("gradient") else self.seen
        return self.sums[key] / seen if key in self.sums and seen else None


@dataclass(frozen=True)
class Quantity:
    """One thing that is measured at every site.

    Attributes
    ----------
    name : str
        A column of the frame: ``"dead"``.
    title : str
        A column of the table; empty for none.
    figure : callable
        From `Totals` to a number; None where it cannot be known.
    forward : callable or None
        From a `Sample` to sums per unit, on its device. Keys end in ``.sum``, ``.max`` or ``.min``: how steps
        are put together.
    backward : callable or None
        The same with the gradient there.
    share : bool
        Whether the figure is between 0 and 1.
    """

    name: str
    title: str
    figure: Callable[[Totals], float | None]
    forward: Callable[[Sample], Sums] | None = None
    backward: Callable[[Sample], Sums] | None = None
    share: bool = True


def marked(compare: Callable[..., Any], x: Tensor, value: float | Tensor) -> Tensor:
    """Return 1.0 where a comparison holds and 0.0 elsewhere: many times as fast as by way of booleans."""
    ones: Tensor = compare(x, value, out=torch.empty_like(x))
    return ones


def mean_of(key: str) -> Callable[[Totals], float | None]:
    """Return the figure that is the mean of a sum over positions and units."""

    def figure(totals: Totals) -> float | None:
        means = totals.mean(key)
        return None if means is None else float(means.mean())

    return figure
