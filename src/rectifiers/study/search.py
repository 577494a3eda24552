"""Which learning rate an arm is tested at, for less than half of what trying all of them would take.

Successive halving on the tuning seeds. On the first seed every second rate of the grid is tried, then the
neighbours of the best one, beyond the grid where it ends there, until the best one has a neighbour on either
side. The best two go on to the other tuning seeds. Every arm spends the same, up to steps beyond the grid.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count

from rectifiers.records.values import Notice, Run

__all__ = ["Choice", "search", "trials_at_most"]

STEPS_BEYOND = 3

Tried = Callable[[float, int], Run | None]


@dataclass(frozen=True)
class Choice:
    """The chosen rate, whether a better one may lie beyond those tried, and what to warn of, if anything."""

    rate: float
    at_edge: bool
    warning: Notice | None = None


def search(
    who: str, grid: Sequence[float], seeds: int, tried: Tried
) -> tuple[list[tuple[float, int]], Choice | None]:
    """Return the trials the search needs next, or its choice once it needs none.

    Parameters
    ----------
    who : str
        The arm, for the warning.
    grid : sequence of float
        Rates, ascending, at least two.
    seeds : int
        Number of tuning seeds.
    tried : callable
        Returns the run of a rate and a tuning seed, None where there is none yet.

    Returns
    -------
    missing : list of (rate, seed)
    choice : Choice or None
    """
    rates = _extended(grid)
    places = _coarse(grid)
    for _ in count():
        if missing := [(rates[i], 0) for i in places if tried(rates[i], 0) is None]:
            return missing, None
        best = _best(places, lambda i: _merit([tried(rates[i], 0)]))
        beside = {best - 1, best + 1} if _finished(tried(rates[best], 0)) else {min(places) - 1}
        further = sorted(place for place in beside - set(places) if 0 <= place < len(rates))
        if not further:
            break
        places = sorted({*places, *further})
    final = sorted(places, key=lambda i: (_merit([tried(rates[i], 0)]), -abs(i - best)), reverse=True)[:2]
    confirming = range(1, 1 + _confirmations(grid, seeds))
    if missing := [(rates[i], s) for s in confirming for i in final if tried(rates[i], s) is None]:
        return missing, None
    chosen = _best(sorted(final), lambda i: _merit([tried(rates[i], s) for s in (0, *confirming)]))
    return [], _choice(who, rates, places, chosen, tried)


def trials_at_most(grid: Sequence[float], seeds: int) -> int:
    """Return how many trials a search takes at most."""
    return _within(grid) + STEPS_BEYOND + 2 * _confirmations(grid, seeds)


def _extended(grid: Sequence[float]) -> list[float]:
    """Return the grid with steps beyond either end, each the size of the last step inside."""
    down, up = grid[0] / grid[1], grid[-1] / grid[-2]
    steps = range(1, STEPS_BEYOND + 1)
    below = [_rounded(grid[0] * down**k) for k in reversed(steps)]
    return [*below, *grid, *(_rounded(grid[-1] * up**k) for k in steps)]


def _rounded(rate: float) -> float:
    return float(f"{rate:.3g}")


def _coarse(grid: Sequence[float]) -> list[int]:
    """Return the places, among the extended rates, of every second rate; of all rates of a short grid."""
    step = 2 if len(grid) > 4 else 1
    return list(range(STEPS_BEYOND + step - 1, STEPS_BEYOND + len(grid), step))


def _within(grid: Sequence[float]) -> int:
    return min(len(grid), len(_coarse(grid)) + 2)


def _confirmations(grid: Sequence[float], seeds: int) -> int:
    """Return on how many further seeds the best two are tried: in all at most half of rates times seeds."""
    return max(0, min(seeds - 1, (len(grid) * seeds // 2 - _within(grid)) // 2))


def _finished(run: Run | None) -> bool:
    return run is not None and run.outcome == "finished"


def _merit(runs: Sequence[Run | None]) -> tuple[int, float]:
    metrics = [run.metric for run in runs if run is not None and run.metric is not None]
    # fsum: the order in which the runs came must not decide between equals
    return len(metrics) - len(runs), math.fsum(metrics) / max(1, len(metrics))


def _best(places: Sequence[int], merit: Callable[[int], tuple[int, float]]) -> int:
    """Return the best place; among equals the middle one, as far from too slow as from diverging."""
    highest = max(map(merit, places))
    equals = [place for place in places if merit(place) == highest]
    return equals[(len(equals) - 1) // 2]


def _choice(who: str, rates: Sequence[float], places: Sequence[int], chosen: int, tried: Tried) -> Choice:
    rate = rates[chosen]
    if not any(_finished(tried(rates[place], 0)) for place in places):
        text = f"{who}: no tuning trial finished at any learning rate; tested at {rate:g}"
        return Choice(rate, True, Notice("no-rate-finished", text))
    if min(places) < chosen < max(places):
        return Choice(rate, False)
    side, way = ("lowest", "lower") if chosen == min(places) else ("highest", "higher")
    text = (
        f"{who}: the best learning rate, {rate:g}, is the {side} that was tried, {STEPS_BEYOND} steps beyond the "
        f"grid; a {way} one may be better: move the grid with --lr"
    )
    return Choice(rate, True, Notice("rate-at-edge", text))
