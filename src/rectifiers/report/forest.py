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
    ascii_only : bool
    width : int
        Number of characters.
    """

    def __init__(
        self, intervals: Iterable[Ends], margin: float, ascii_only: bool = False, width: int = WIDTH
    ) -> None:
        found = list(intervals)
        self._known = any(low is not None for _, low, _ in found)
        self._reach = _layout.reach(found, margin)
        self._margin, self._width = margin, width | 1
        self._line, self._mark, self._zero, self._edge = "-o|:" if ascii_only else "─●│┊"
        self._arrows = "<>" if ascii_only else "◂▸"

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
            cells[self._place(at)] = self._edge
        difference, low, high = ends or (None, None, None)
        if low is not None and high is not None:
            for i in range(self._place(low), self._place(high) + 1):
                cells[i] = self._line
        cells[self._place(0.0)] = self._zero
        if low is not None and high is not None:
            if low < -self._reach:
                cells[0] = self._arrows[0]
            if high > self._reach:
                cells[-1] = self._arrows[1]
            if difference is not None:
                cells[self._place(difference)] = self._mark
        return "".join(cells)

    def _place(self, value: float) -> int:
        share = (min(max(value, -self._reach), self._reach) / self._reach + 1.0) / 2.0
        return round(share * (self._width - 1))
