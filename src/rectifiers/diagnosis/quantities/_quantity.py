"""What a quantity is: running sums of a sample per unit, and the figure that follows from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["ENOUGH", "Quantity", "Sample", "Sums", "Totals", "mean_of"]

Sums: TypeAlias = Mapping[str, Tensor]

# by the ending of a key
_COMBINE: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "sum": torch.add,
    "max": torch.maximum,
    "min": torch.minimum,
    "hypot": torch.hypot,
}

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


@dataclass
class Totals:
    """The sums of a site over some watched steps in a row.

    Attributes
    ----------
    first, last : int
        Training steps, counted from 0.
    sums : dict of str to tensor or array
        Per unit, by the keys of the quantities; arrays once they are on the host.
    seen, seen_backward : int
        Positions that forward and backward passes added up, per unit.
    """

    first: int
    last: int
    sums: dict[str, Any] = field(default_factory=dict)
    seen: int = 0
    seen_backward: int = 0

    def add(self, sums: Sums) -> None:
        """Take in further sums, on their device."""
        for key, value in sums.items():
            combine = _COMBINE[key.rpartition(".")[2]]
            self.sums[key] = combine(self.sums[key], value) if key in self.sums else value

    def absorb(self, later: Totals) -> None:
        """Take in what follows."""
        self.add(later.sums)
        self.last = later.last
        self.seen, self.seen_backward = self.seen + later.seen, self.seen_backward + later.seen_backward

    def on_host(self) -> Totals:
        """Return the same with arrays."""
        return replace(self, sums={key: value.cpu().double().numpy() for key, value in self.sums.items()})

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
        From `Totals` on the host to a number; None where it cannot be known.
    forward : callable or None
        From a `Sample` to sums per unit, on its device. Keys end in ``.sum``, ``.max``, ``.min`` or
        ``.hypot``: how steps are put together.
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


def mean_of(key: str) -> Callable[[Totals], float | None]:
    """Return the figure that is the mean of a sum over positions and units."""

    def figure(totals: Totals) -> float | None:
        means = totals.mean(key)
        return None if means is None else float(means.mean())

    return figure
