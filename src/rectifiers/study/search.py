"""Which learning rate an arm is tested at, for at most half of what all rates on all tuning seeds would take.

Successive halving: the grid on the first tuning seed, then the best three rates on the others as far as half
of the cost allows. With few seeds even the grid is too much: then every second rate is tried first, and the
neighbours of the best one after it. Where the best rate lies at an end, the grid goes on, by up to three
steps.

A rate is judged by the mean of its own runs and of those at the two rates beside it, of which each counts as
at most one standard error worse: a validation split is small and a run on it noisy, so that neighbours tell a
plateau from luck, but the best rate may well stand beside one that diverges (``benchmarks/TUNING.md``
compares this with trying everything).
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from rectifiers.records.values import Notice, Run

__all__ = ["Choice", "search", "trials_at_most"]

STEPS_BEYOND = 3
_FINALISTS = 3

Tried = Callable[[float, int], Run | None]
Noise = Callable[[Run, float], float]


@dataclass(frozen=True)
class Choice:
    """The chosen rate, and a warning where a better one may lie beyond those tried."""

    rate: float
    warning: Notice | None = None


def search(
    who: str, grid: Sequence[float], seeds: int, tried: Tried, noise: Noise
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
    noise : callable
        Returns the standard error of a metric such as a run has it, over the samples it was measured on. It
        depends on nothing else, so that other arms and interruptions change no choice.

    Returns
    -------
    missing : list of (rate, seed)
    choice : Choice or None
    """
    rates = _extended(grid)
    places = _at_first(grid, seeds)
    others = range(1, 1 + _confirmations(grid, seeds))
    while True:
        runs = {i: tried(rates[i], 0) for i in places}
        if missing := [(rates[i], 0) for i, run in runs.items() if run is None]:
            return missing, None
        metrics = {i: run.metric for i, run in runs.items() if run is not None}
        errors = {i: partial(noise, run) for i, run in runs.items() if run is not None}
        merits = _merits(metrics, errors)
        best = _middle([i for i in places if merits[i] == max(merits.values())])
        beside = [best - 1, best + 1] if metrics[best] is not None else [min(places) - 1]
        if not (further := [i for i in beside if i not in places and 0 <= i < len(rates)]):
            finalists = sorted(places, key=lambda i: (-merits[i], abs(i - best)))[:_FINALISTS]
            if missing := [(rates[i], s) for s in others for i in finalists if tried(rates[i], s) is None]:
                return missing, None
            repeated = [{i: _metric(tried, rates[i], seed) for i in finalists} for seed in others]
            merits = _merits({**metrics, **_over_seeds(metrics, repeated)}, errors)
            chosen = _middle([i for i in sorted(finalists) if merits[i] == max(merits[j] for j in finalists)])
            # further seeds may move the best rate to an end as well
            ends = {min(places): chosen - 1, max(places): chosen + 1}
            further = [ends[chosen]] if chosen in ends and 0 <= ends[chosen] < len(rates) else []
        if not further:
            return [], _choice(who, rates, metrics, chosen)
        places = sorted([*places, *further])


def trials_at_most(grid: Sequence[float], seeds: int) -> int:
    """Return how many trials a search takes at most, steps beyond the grid included."""
    return _on_first_seed(grid, seeds) + STEPS_BEYOND + _FINALISTS * _confirmations(grid, seeds)


def _extended(grid: Sequence[float]) -> list[float]:
    """Return the grid with steps beyond either end, each the size of the last step inside."""
    down, up = grid[0] / grid[1], grid[-1] / grid[-2]
    steps = range(1, STEPS_BEYOND + 1)
    below = [_rounded(grid[0] * down**k) for k in reversed(steps)]
    return [*below, *grid, *(_rounded(grid[-1] * up**k) for k in steps)]


def _rounded(rate: float) -> float:
    return float(f"{rate:.3g}")


def _at_first(grid: Sequence[float], seeds: int) -> list[int]:
    """Return the places, among the extended rates, of the grid, or of every second rate of it."""
    inside = range(STEPS_BEYOND, STEPS_BEYOND + len(grid))
    thinned = len(grid) > 4 and len(grid) * seeds // 2 < len(grid)
    return list(inside[1::2] if thinned else inside)


def _on_first_seed(grid: Sequence[float], seeds: int) -> int:
    return min(len(grid), len(_at_first(grid, seeds)) + 2)


def _confirmations(grid: Sequence[float], seeds: int) -> int:
    """Return on how many further seeds the finalists are tried: in all at most half of rates times seeds."""
    left = len(grid) * seeds // 2 - _on_first_seed(grid, seeds)
    return max(0, min(seeds - 1, left // _FINALISTS))


def _merits(
    metrics: Mapping[int, float | None], errors: Mapping[int, Callable[[float], float]]
) -> dict[int, float]:
    """Return the mean of each place and its two neighbours, each of them at most one standard error worse.

    A place at an end has its own metric: with one neighbour it would look better than the peak beside it.
    """

    def around(place: int, own: float) -> float:
        beside = [metrics[i] for i in (place - 1, place + 1) if i in metrics]
        if len(beside) < 2:
            return own
        least = own - errors[place](own)
        return statistics.fmean([own, *(least if m is None else max(m, least) for m in beside)])

    return {i: float("-inf") if own is None else around(i, own) for i, own in metrics.items()}


def _metric(tried: Tried, rate: float, seed: int) -> float | None:
    run = tried(rate, seed)
    assert run is not None
    return run.metric


def _over_seeds(
    first: Mapping[int, float | None], others: Sequence[Mapping[int, float | None]]
) -> dict[int, float | None]:
    """Return the finalists' means over all seeds, each shifted to the first's level; None if one failed."""
    rows = [{i: first[i] for i in others[0]}, *others] if others else []
    levels = [statistics.fmean([m for m in row.values() if m is not None] or [0.0]) for row in rows]
    found: dict[int, float | None] = {}
    for i in rows[0] if rows else ():
        values = [row[i] for row in rows]
        shifted = [value - level for value, level in zip(values, levels, strict=True) if value is not None]
        found[i] = levels[0] + statistics.fmean(shifted) if len(shifted) == len(rows) else None
    return found


def _middle(equals: Sequence[int]) -> int:
    """Return the middle one of equally good places: as far from too slow as from diverging."""
    return equals[(len(equals) - 1) // 2]


def _choice(who: str, rates: Sequence[float], metrics: Mapping[int, float | None], chosen: int) -> Choice:
    if all(metric is None for metric in metrics.values()):
        rate = rates[len(rates) // 2]
        text = f"{who}: no tuning trial finished at any learning rate; tested at the middle one, {rate:g}"
        return Choice(rate, Notice("no-rate-finished", text))
    rate = rates[chosen]
    if min(metrics) < chosen < max(metrics):
        return Choice(rate)
    side, way = ("lowest", "lower") if chosen == min(metrics) else ("highest", "higher")
    text = (
        f"{who}: the best learning rate, {rate:g}, is the {side} that was tried, {STEPS_BEYOND} steps beyond "
        f"the grid; a {way} one may be better: move the grid with --lr"
    )
    return Choice(rate, Notice("rate-at-edge", text))
