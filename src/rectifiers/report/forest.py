"""Intervals as text on one common scale: a line from end to end, strokes at 0 and at the margin."""

from __future__ import annotations

from collections.abc import Iterable

from rectifiers.evidence.paired import Ends
from rectifiers.report import _layout, words

__all__ = ["WIDTH", "Forest"]

WIDTH = 25


class Forest:
    """A scale for intervals, given as (difference, low, high).

    Parameters
    ----------
    intervals : iterable of (difference, low, high)
    margin : float
    width : int
        Number of characters.
    """

    def __init__(self, intervals: Iterable[Ends], margin: float, width: int = WIDTH) -> None:
        found = list(intervals)
        self._known = any(low is not None for _, low, _ in found)
        self._reach = _layout.reach(found, margin)
        self._margin, self._width = margin, width | 1

    def __bool__(self) -> bool:
        return self._known

    @property
    def scale(self) -> str:
        """The head of the column: the two ends of the scale."""
        digits = words.decimals(self._reach)
        low, high = words.signed(-self._reach, digits), words.signed(self._reach, digits)
        return low + high.rjust(self._width - len(low))

    def draw(self, ends: Ends | None) -> str:
        """Return one interval; the strokes alone where there is none."""
        cells = [" "] * self._width
        for at in (-self._margin, self._margin):
            cells[self._place(at)] = "┊"
        difference, low, high = ends or (None, None, None)
        if low is not None and high is not None:
            for i in range(self._place(low), self._place(high) + 1):
                cells[i] = "─"
        cells[self._place(0.0)] = "│"
        if low is not None and high is not None:
            if low < -self._reach:
                cells[0] = "◂"
            if high > self._reach:
                cells[-1] = "▸"
            if difference is not None:
                cells[self._place(difference)] = "●"
        return "".join(cells)

    def _place(self, value: float) -> int:
        share = (min(max(value, -self._reach), self._reach) / self._reach + 1.0) / 2.0
        return round(share * (self._width - 1))
