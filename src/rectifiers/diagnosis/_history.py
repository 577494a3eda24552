"""Running sums of a site over time, on its device, in a number of slots that does not grow."""

from __future__ import annotations

from rectifiers.diagnosis.quantities import Totals

__all__ = ["History"]

_SLOTS = 25  # the first, and an even number of others


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
