"""The true derivative of a function that can only be called: its kinks, and its slopes with errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["FAR", "Evaluate", "Kink", "Slopes", "find_kinks"]

Array: TypeAlias = NDArray[np.float64]
Evaluate: TypeAlias = Callable[[Array], Array]

FAR = 20.0  # the grid of the scan is fine up to here
_LEVELS = 12
_FINEST = 1e-8  # how closely a kink is located before it is looked for at a round number
_INNER = np.linspace(-3, 3, 97) + 0.0017
_outward = FAR * 1.03 ** np.arange(1, 220)
_GRID = np.concatenate((-_outward[::-1], np.linspace(-FAR, FAR, 4001) + 0.00123, _outward))


@dataclass(frozen=True)
class Kink:
    """A point where the slope jumps, or the function does.

    Attributes
    ----------
    x : float
    within : float
        Its distance from the true place; 0 where it is at a round number.
    jump : bool
        Whether the function itself jumps.
    """

    x: float
    within: float
    jump: bool


def find_kinks(evaluate: Evaluate) -> tuple[Kink, ...]:
    """Scan a function for kinks between about -13000 and 13000.

    Where three neighbours are not in line, the piece is halved again and again. The change of slope across it
    halves, too, if the function is smooth; at a kink it stays, and where the function jumps it doubles.
    """
    values = evaluate(_GRID)
    with np.errstate(all="ignore"):
        slopes = np.diff(values) / np.diff(_GRID)
        change = np.abs(np.diff(slopes))
    usual = np.isfinite(slopes) & (np.abs(_GRID[1:]) < 21)
    scale = float(np.abs(slopes[usual]).max(initial=1e-30))
    at = np.flatnonzero(np.isfinite(change) & (change > 5e-4 * scale))
    centre = _GRID[1:-1][at]
    step = np.maximum(np.diff(_GRID)[at], np.diff(_GRID)[at + 1])
    first = change[at]
    # where pieces are so short that rounding alone, of float32 say, is a tenth of the change, it halts
    noise = 80 * Slopes(evaluate, ()).noise_of(values[1:-1][at])
    finest = np.maximum(_FINEST * np.maximum(1.0, np.abs(centre)), noise / first)
    for _ in range(45):
        if not (step > finest).any():
            break
        offsets = np.arange(-2, 3) * step[:, np.newaxis] / 2
        y = evaluate(centre[:, np.newaxis] + offsets)
        with np.errstate(all="ignore"):
            changes = np.abs(y[:, 2:] - 2 * y[:, 1:-1] + y[:, :-2]) / (step[:, np.newaxis] / 2)
        changes = np.where(np.isfinite(changes), changes, 0.0)
        best, now = changes.argmax(axis=1), changes.max(axis=1)
        halved = step > finest
        centre = np.where(halved, centre + (best - 1) * step / 2, centre)
        step = np.where(halved, step / 2, step)
        # a kink keeps at least half of its change of slope however often it is halved
        stays = ~halved | (now > 0.2 * first) & (now > 5e-4 * scale)
        centre, step, first, finest = (a[stays] for a in (centre, step, first, finest))
    if not centre.size:
        return ()
    y = evaluate(centre[:, np.newaxis] + np.array([-8, -4, -2, 0, 2, 4, 8]) * step[:, np.newaxis])
    # on a grid too coarse for the function the first change of slope says nothing: does it stay now?
    narrow, wide = (np.abs(y[:, 3 + k] - 2 * y[:, 3] + y[:, 3 - k]) / n for k, n in ((1, 2), (3, 8)))
    jumps = np.abs(y[:, 5] - y[:, 1]) > 1e-4 * scale + 100 * scale * step
    found: list[Kink] = []
    kinks = [part[narrow > 0.4 * wide].tolist() for part in (centre, step, jumps)]
    for x, width, jump in zip(*kinks, strict=True):
        if found and abs(x - found[-1].x) < max(1e-6 * max(1.0, abs(x)), 4 * width + found[-1].within):
            continue
        # a hundredth of what it is rounded by, or anything would be near a round number
        near = (d for d in (0, 1, 2, 3, 4, 5) if abs(round(x, d) - x) <= 4 * width <= 0.01 * 10.0**-d)
        digits = next(near, None)
        found.append(Kink(x, 4 * width, jump) if digits is None else Kink(round(x, digits) + 0.0, 0.0, jump))
    return tuple(found)


class Slopes:
    """Slopes of a function, from Richardson's extrapolation of differences (Ridders 1982).

    At each point from both sides and from either side alone, never across a kink; the estimate with the
    smallest error is taken, of those that agree with the differences of the shortest steps: long ones may
    leap over what they do not see. The error counts the rounding noise of the function, measured on its
    differences of high order.

    Parameters
    ----------
    evaluate : callable
        The function, of arrays of any shape.
    kinks : sequence of Kink
    """

    def __init__(self, evaluate: Evaluate, kinks: tuple[Kink, ...]) -> None:
        self.evaluate, self.kinks = evaluate, kinks
        # 0 is an edge in any case: there curvatures jump (ELU), and points are as close as numbers can be
        edges = sorted({0.0: 0.0, **{kink.x: kink.within for kink in kinks}}.items())
        self._edges = np.array([-np.inf, *(x for x, _ in edges), np.inf])
        self._within = np.array([0.0, *(within for _, within in edges), 0.0])

    def at(self, x: Array) -> tuple[Array, Array]:
        """Return slopes and their errors; the error is infinite where nothing is known. Not for the kinks."""
        after = np.searchsorted(self._edges, x, side="right")
        below = 0.9 * (x - self._edges[after - 1] - self._within[after - 1])
        above = 0.9 * (self._edges[after] - x - self._within[after])
        reach = 0.5 * np.maximum(1.0, np.abs(x) / 100)
        rooms = {0: np.minimum(below, above), 1: above, -1: below}
        steps = {side: np.minimum(room, reach) for side, room in rooms.items()}
        found = [self._estimate(x, widest, side) for side, widest in steps.items()]
        slopes, errors = (np.stack(part, axis=1) for part in zip(*found, strict=True))
        for column, widest in enumerate(steps.values()):
            # from the side where a function has come to rest, steps leap over where it moves
            errors[(column > 0) & (steps[0] >= widest / 64), column] = np.inf
        return _best(slopes, errors)

    @cached_property
    def usual_noise(self) -> float:
        """The rounding error of the function within -3 and 3."""
        found = self._noise(_INNER, np.full(_INNER.shape, 1e-3), 0)
        return float(np.quantile(found[np.isfinite(found)], 0.75)) if np.isfinite(found).any() else 0.0

    def noise_of(self, y: Array) -> Array:
        """Return the rounding error of values as large as these."""
        return self.usual_noise * np.maximum(1.0, np.abs(y) / self._usual_size)

    @cached_property
    def _usual_size(self) -> float:
        y = np.abs(self.evaluate(_INNER))
        return float(y[np.isfinite(y)].max(initial=1e-30))

    @cached_property
    def beside(self) -> dict[Kink, tuple[float, float, float]]:
        """The slopes left and right of each kink, and the error of both."""
        found = {}
        for kink in self.kinks:
            away = max(2 * kink.within, 4 * float(np.spacing(abs(kink.x))) if kink.x else 1e-300)
            slopes, errors = self.at(np.array([kink.x - away, kink.x + away]))
            found[kink] = float(slopes[0]), float(slopes[1]), float(errors.max())
        return found

    def _estimate(self, x: Array, widest: Array, side: int) -> tuple[Array, Array]:
        """Return slopes and errors from steps of `widest` and its halves, to one side or, with 0, to both."""
        with np.errstate(all="ignore"):
            steps = np.where(widest > 0, widest, np.nan)[:, np.newaxis] / 2.0 ** np.arange(_LEVELS)
            high = x[:, np.newaxis] + (steps if side >= 0 else 0.0)
            low = x[:, np.newaxis] - (steps if side <= 0 else 0.0)
            upper, lower = self.evaluate(high), self.evaluate(low)
            tableau = (upper - lower) / (high - low)
            limits = np.finfo(np.float64)
            rounding = limits.eps * (np.abs(upper) + np.abs(lower)) + limits.smallest_subnormal
            # extrapolation from one side multiplies rounding errors by up to 8.3
            noise = 9 * (self._noise(x, steps[:, 8], side)[:, np.newaxis] + rounding) / np.abs(steps)
            gaps = np.abs(np.diff(tableau, axis=1))
            # from which step on halving brings differences closer to each other, down to the shortest
            closer = gaps[:, 1:] <= 0.75 * gaps[:, :-1] + noise[:, 1:-1]
            settled = np.logical_and.accumulate(closer[:, ::-1], axis=1)[:, ::-1]
            settled = np.concatenate((settled, settled[:, -1:]), axis=1)
            shortest, doubt = tableau[:, -1:], 4 * gaps[:, -1:] + noise[:, -1:]
            # a single place may show no noise by chance
            noise = np.maximum(noise, 9 * self.noise_of(upper) / np.abs(steps))
            base = 4.0 if side == 0 else 2.0
            estimates, errors = [], []
            for order in range(1, _LEVELS):
                previous = tableau
                tableau = (base**order * previous[:, 1:] - previous[:, :-1]) / (base**order - 1)
                change = np.maximum(np.abs(tableau - previous[:, 1:]), np.abs(tableau - previous[:, :-1]))
                # nor may shorter steps of the same order contradict it: some agree by chance
                change[:, :-1] = np.maximum(change[:, :-1], np.abs(np.diff(tableau, axis=1)))
                agrees = settled[:, : _LEVELS - order] & (np.abs(tableau - shortest) <= doubt)
                estimates.append(tableau)
                errors.append(np.where(agrees, 2 * change + noise[:, order:], np.inf))
        return _best(np.concatenate(estimates, axis=1), np.concatenate(errors, axis=1))

    def _noise(self, x: Array, step: Array, side: int) -> Array:
        """Return the rounding error of the function near `x`, on the same side of the kinks.

        It is infinite where the function varies too fast to tell its slope from noise.
        """
        places = np.arange(12) + (-6 if side == 0 else 0 if side > 0 else -11)
        y = self.evaluate(x[:, np.newaxis] + places * step[:, np.newaxis] / 12)
        with np.errstate(all="ignore"):
            noise = np.abs(np.diff(y, 6, axis=1)).max(axis=1) / 15
            varies = np.ptp(y, axis=1)
            exact = 100 * np.finfo(np.float64).eps * (np.abs(y).max(axis=1) + np.abs(x) * varies / step)
            # far out oscillations may be small beside the function
            return np.where((noise > 0.01 * varies * (np.abs(x) < FAR)) & (noise > exact), np.inf, noise)


def _best(estimates: Array, errors: Array) -> tuple[Array, Array]:
    """Return in each row the estimate with the smallest error, and that error."""
    errors = np.where(np.isfinite(errors), errors, np.inf)
    at = errors.argmin(axis=1)[:, np.newaxis]
    return np.take_along_axis(estimates, at, 1)[:, 0], np.take_along_axis(errors, at, 1)[:, 0]
