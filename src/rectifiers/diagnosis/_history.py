"""Running sums of a site over time, on its device, in a number of slots that does not grow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from rectifiers.diagnosis.quantities import Totals

__all__ = ["History", "Slot"]

_SLOTS = 25  # the first, and an even number of others
# by the ending of a key
_COMBINE: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "sum": torch.add,
    "max": torch.maximum,
    "min": torch.minimum,
}


@dataclass
class Slot:
    """Sums over some watched steps in a row.

    Attributes
    ----------
    first, last : int
        Training steps, counted from 0.
    sums : dict of str to Tensor
    seen, seen_backward : int
        Positions that were added up, per unit.
    """

    first: int
    last: int
    sums: dict[str, Tensor] = field(default_factory=dict)
    seen: int = 0
    seen_backward: int = 0

    def add(self, sums: Mapping[str, Tensor]) -> None:
        """Take in further sums."""
        for key, value in sums.items():
            combine = _COMBINE[key[-3:]]
            self.sums[key] = combine(self.sums[key], value) if key in self.sums else value

    def absorb(self, later: Slot) -> None:
        """Take in the slot that follows."""
        self.add(later.sums)
        self.last = later.last
        self.seen, self.seen_backward = self.seen + later.seen, self.seen_backward + later.seen_backward

    def totals(self) -> Totals:
        """Return the sums on the host."""
        sums = {key: value.double().cpu().numpy() for key, value in self.sums.items()}
        return Totals(sums, self.seen, self.seen_backward)


class History:
    """The first step, then slots of equal length; when there are too many, neighbours are put together.

    All sums, maxima and minima stay exact.
    """

    def __init__(self) -> None:
        self.slots: list[Slot] = []
        self._width = 1
        self._steps = 0

    def at(self, step: int) -> Slot:
        """Return the slot of a step, the latest one or a new one."""
        if self.slots and self.slots[-1].last == step:
            return self.slots[-1]
        if len(self.slots) < 2 or self._steps >= self._width:
            if len(self.slots) == _SLOTS:
                for early, late in zip(self.slots[1::2], self.slots[2::2], strict=True):
                    early.absorb(late)
                self.slots = [self.slots[0], *self.slots[1::2]]
                self._width *= 2
            self.slots.append(Slot(step, step))
            self._steps = 0
        self._steps += 1
        self.slots[-1].last = step
        return self.slots[-1]

    def containing(self, step: int) -> Slot:
        """Return the slot that a step went into."""
        return next(slot for slot in reversed(self.slots) if slot.first <= step)

    def since(self, step: int) -> Slot:
        """Return what was seen in all slots that reach a step or one after it."""
        together = Slot(self.slots[-1].first, self.slots[-1].last)
        for slot in (slot for slot in self.slots if slot.last >= step):
            together.first = min(together.first, slot.first)
            together.absorb(slot)
        return together
