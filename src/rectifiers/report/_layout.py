"""Where things go in a chart: ranges of axes, and labels that keep clear of each other."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from rectifiers.evidence.paired import Ends

__all__ = ["decades", "padded", "reach", "spread"]

_LINE = 14.0


def reach(intervals: Iterable[Ends], margin: float) -> float:
    """Return how far an axis of differences goes to either side of 0.

    Every difference fits, and every interval that is not out of all proportion (two seeds give intervals a
    hundred times as wide as what was seen).

    Parameters
    ----------
    intervals : iterable of (difference, low, high)
    margin : float
    """
    found = list(intervals)
    needed = max([margin, *(abs(d) for d, _, _ in found if d is not None)]) or 1.0
    ends = [abs(end) for _, low, high in found for end in (low, high) if end is not None]
    return min(1.08 * max([needed, *ends]), 5.0 * needed)


def padded(low: float, high: float, logarithmic: bool) -> tuple[float, float]:
    """Return the range of an axis with a little room at both ends; never empty."""
    if logarithmic:
        room = (high / low) ** 0.04
        return low / room, high * room
    room = 0.04 * (high - low) or max(abs(high), 1.0) * 0.04
    return (0.0 if 0.0 <= low < room else low - room), high + room


def decades(low: float, high: float) -> list[float]:
    """Return the ticks of a logarithmic axis: 1, 2, 5 of each decade, or powers of ten where that is many."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    ticks = [step * 10.0**k for k in range(first, last + 1) for step in (1, 2, 5)]
    inside = [tick for tick in ticks if low <= tick <= high]
    if len(inside) <= 8:
        return inside
    return [10.0**k for k in range(first, last + 1) if low <= 10.0**k <= high]


def spread(
    values: Sequence[float], domain: tuple[float, float], height: float, logarithmic: bool
) -> list[float]:
    """Return, near each value, where its label goes so that no two overlap.

    Parameters
    ----------
    values : sequence of float
        What the labels belong to, in units of the axis.
    domain : tuple of float
        The axis from bottom to top.
    height : float
        Its length in pixels.
    logarithmic : bool
    """
    scale = math.log if logarithmic else float
    bottom, top = scale(domain[0]), scale(domain[1])
    per_pixel = (top - bottom) / height
    order = sorted(range(len(values)), key=lambda i: (values[i], i))
    wanted = [min(max((scale(values[i]) - bottom) / per_pixel, 0.0), height) for i in order]
    placed = _apart(wanted, min(_LINE, height / max(1, len(values))), height)
    found = [0.0] * len(values)
    for i, pixel in zip(order, placed, strict=True):
        place = bottom + pixel * per_pixel
        found[i] = math.exp(place) if logarithmic else place
    return found


def _apart(wanted: list[float], gap: float, height: float) -> list[float]:
    """Return the places nearest to ascending `wanted` (least squares) that are at least `gap` apart.

    Less the gaps below it, each place only must not lie under the one before: isotonic regression, by pooling
    neighbours that clash, and then cut to the chart.
    """
    blocks: list[tuple[float, int]] = []  # (mean, number of labels)
    for index, pixel in enumerate(wanted):
        mean, count = pixel - index * gap, 1
        while blocks and blocks[-1][0] > mean:
            before, n = blocks.pop()
            mean, count = (before * n + mean * count) / (n + count), n + count
        blocks.append((mean, count))
    level = [mean for mean, count in blocks for _ in range(count)]
    top = height - (len(wanted) - 1) * gap
    return [min(max(place, 0.0), top) + index * gap for index, place in enumerate(level)]
