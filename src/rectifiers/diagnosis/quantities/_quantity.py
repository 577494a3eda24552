"""What a quantity is: running sums of a sample per unit, and the figure that follows from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["ENOUGH", "Array", "Gradient", "History", "Quantity", "Sample", "Sums", "Totals", "precisely"]

Sums: TypeAlias = Mapping[str, Tensor]
Array: TypeAlias = NDArray[np.float64]

# by the ending of a key: how steps are put together
_COMBINE: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"sum": torch.add, "max": torch.maximum}

_SLOTS = 25  # the first, and an even number of others
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
    """

    x: Tensor
    y: Tensor
    slope: Tensor | None = None


@dataclass(frozen=True)
class Gradient:
    """The gradient of the loss by the `x` of a sample: its values, the dtype it had."""

    values: Tensor
    dtype: torch.dtype


def precisely(x: Tensor) -> Tensor:
    """Return a copy in float64, which MPS has not: in float32, squares of small numbers are 0."""
    return x.to(torch.float32 if x.device.type == "mps" else torch.float64, copy=True)


@dataclass
class Totals:
    """The sums of a site over some watched steps in a row.

    Attributes
    ----------
    first, last : int
        Training steps, counted from 0.
    tables : dict of tuple of str to tensor
        Sums or maxima by the keys of the quantities, a row of units for each key.
    seen, seen_backward : int
        Positions that forward and backward passes added up, per unit.
    """

    first: int
    last: int
    tables: dict[tuple[str, ...], Tensor] = field(default_factory=dict)
    seen: int = 0
    seen_backward: int = 0

    def add(self, keys: tuple[str, ...], rows: Tensor) -> None:
        """Take in further sums, or maxima, on their device."""
        combine = _COMBINE[keys[0].rpartition(".")[2]]
        self.tables[keys] = combine(self.tables[keys], rows) if keys in self.tables else rows

    def absorb(self, later: Totals) -> None:
        """Take in what follows."""
        for keys, rows in later.tables.items():
            self.add(keys, rows)
        self.last = later.last
        self.seen, self.seen_backward = self.seen + later.seen, self.seen_backward + later.seen_backward

    def on_host(self) -> Totals:
        """Return the same on the host, in float64, with a table for each key."""
        host = replace(self, tables={})
        for keys, rows in self.tables.items():
            for key, row in zip(keys, rows.cpu().double(), strict=True):
                host.add((key,), row)
        return host

    def mean(self, key: str, fewest: int) -> Array | None:
        """Return a sum per position, or a maximum; None where so few positions were not seen. On the host."""
        seen = self.seen_backward if key.startswith("gradient") else self.seen
        if (key,) not in self.tables or seen < fewest:
            return None
        found: Array = self.tables[key,].numpy() / (seen if key.endswith(".sum") else 1)
        return found


class History:
    """The first step, then slots of equal length; when there are too many, neighbours are put together.

    All sums, maxima and minima stay exact.
    """

    def __init__(self) -> None:
        self.slots: list[Totals] = []
        self._width = 1
        self._steps = 0

    def at(self, step: int) -> Totals:
        """Return the slot of a step: one that it went into, the latest one, or a new one."""
        if self.slots and step <= self.slots[-1].last:
            return next(slot for slot in reversed(self.slots) if slot.first <= step)
        if len(self.slots) < 2 or self._steps >= self._width:
            if len(self.slots) == _SLOTS:
                for early, late in zip(self.slots[1::2], self.slots[2::2], strict=True):
                    early.absorb(late)
                self.slots = [self.slots[0], *self.slots[1::2]]
                self._width *= 2
            self.slots.append(Totals(step, step))
            self._steps = 0
        self._steps += 1
        self.slots[-1].last = step
        return self.slots[-1]

    def since(self, step: int) -> Totals:
        """Return what was seen in all slots that reach a step or one after it."""
        together = Totals(self.slots[-1].first, self.slots[-1].last)
        for slot in (slot for slot in self.slots if slot.last >= step):
            together.first = min(together.first, slot.first)
            together.absorb(slot)
        return together


@dataclass(frozen=True)
class Quantity:
    """One thing that is measured at every site.

    Attributes
    ----------
    name : str
        A column of the frame: ``"dead"``.
    title : str
        A column of the table; empty for none.
    figure : callable or None
        From the means of its keys per unit to a number.
    keys : tuple of str
        Of the sums that it needs, its own or another quantity's.
    forward : callable or None
        From a `Sample` to sums per unit, on its device. Keys end in ``.sum`` or ``.max``: how steps are put
        together.
    backward : callable or None
        From a `Gradient`; keys start with ``gradient``.
    share : bool
        Whether the figure is between 0 and 1.
    fewest : int
        Positions without which the figure is not known.
    """

    name: str
    title: str
    figure: Callable[..., Any] | None
    keys: tuple[str, ...]
    forward: Callable[[Sample], Sums] | None = None
    backward: Callable[[Gradient], Sums] | None = None
    share: bool = True
    fewest: int = 1

    def of(self, totals: Totals) -> float | None:
        """Return the figure from totals on the host; None where it cannot be known."""
        means = [totals.mean(key, self.fewest) for key in self.keys]
        return None if not self.figure or any(m is None for m in means) else float(self.figure(*means))
