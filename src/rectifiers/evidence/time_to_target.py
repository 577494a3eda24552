"""How many times sooner does an arm reach a target? Runs that never reach it are censored, never dropped."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rectifiers.errors import ArgumentError, ShapeError
from rectifiers.evidence._checks import level

__all__ = ["Speedup", "speedup"]


@dataclass(frozen=True)
class Speedup:
    """How many times sooner an arm reaches a target than its control.

    Attributes
    ----------
    ratio : float or None
        Median over the seeds of control's steps / arm's steps; None where the runs that did not reach the
        target leave it open.
    low, high : float or None
        Interval for that median; None means unbounded.
    n : int
        Number of pairs.
    unreached, control_unreached : int
        Runs that did not reach the target.
    """

    ratio: float | None
    low: float | None
    high: float | None
    n: int
    unreached: int
    control_unreached: int


def speedup(arm: Sequence[int | None], control: Sequence[int | None], *, limit: int, alpha: float) -> Speedup:
    """Compare the steps in which an arm and its control reach a target.

    Parameters
    ----------
    arm, control : sequence of int or None
        Steps to the target, at least 1; entry i of each comes from the same seed. None: not within `limit`.
    limit : int
        Steps for which every run was trained.
    alpha : float
        Probability that the interval misses, at most.

    Returns
    -------
    Speedup

    Raises
    ------
    ArgumentError, ShapeError
        If a number of steps is not in 1 .. limit, or the two differ in length.

    Notes
    -----
    A run that has not reached the target needs more than `limit` steps, so the ratio of its pair is known to
    be above or below a number, or not at all. The interval goes from the k-th smallest of the lower bounds to
    the k-th largest of the upper bounds, with the largest k such that ``2 P(Binomial(n, 1/2) < k) <= alpha``:
    the sign test's interval for a median, which asks nothing of the distribution. Below 6 pairs it is
    unbounded at alpha = .05.

    Examples
    --------
    >>> found = speedup([10, 12, 11, 9, 10, 13], [60, 70, None, 50, 66, 65], limit=100, alpha=0.05)
    >>> found.ratio, found.low, found.high
    (5.916666666666666, 5.0, None)
    """
    if len(arm) != len(control):
        raise ShapeError(
            f"`arm` and `control` must pair up seed by seed, but got {len(arm)} and {len(control)} values"
        )
    for steps in (*arm, *control):
        if steps is not None and not 1 <= steps <= limit:
            raise ArgumentError(f"`1 <= steps <= limit` must hold, but got steps={steps}, limit={limit}")
    n = len(arm)
    lows = np.sort([_ratio(theirs or limit, ours) for ours, theirs in zip(arm, control, strict=True)])
    highs = np.sort([_ratio(theirs, ours or limit) for ours, theirs in zip(arm, control, strict=True)])
    ends = _median(lows), _median(highs)
    k = _rank(n, level(alpha))
    low, high = (float(lows[k - 1]), float(highs[n - k])) if k else (0.0, math.inf)
    return Speedup(
        ratio=ends[0] if ends[0] == ends[1] else None,
        low=low or None,
        high=high if math.isfinite(high) else None,
        n=n,
        unreached=sum(steps is None for steps in arm),
        control_unreached=sum(steps is None for steps in control),
    )


def _ratio(control: int | None, arm: int | None) -> float:
    """Return the ratio where None stands for infinitely many steps."""
    if arm is None:
        return 0.0
    return math.inf if control is None else control / arm


def _median(values: NDArray[np.float64]) -> float | None:
    if not values.size:
        return None
    lower, upper = values[(values.size - 1) // 2], values[values.size // 2]
    return float(lower) if lower == upper else float((lower + upper) / 2)


def _rank(n: int, alpha: float) -> int:
    """Return the largest k with ``2 P(Binomial(n, 1/2) < k) <= alpha``; 0 if there is none."""
    below, k = 0, 0
    while k <= n and 2 * (below + math.comb(n, k)) <= alpha * 2**n:
        below += math.comb(n, k)
        k += 1
    return k
