"""Which learning rate an arm is tested at."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rectifiers.records.values import Run

__all__ = ["Choice", "choose"]


@dataclass(frozen=True)
class Choice:
    """The chosen rate, whether it lies at the `at_edge` of the grid, and what to warn of, if anything."""

    rate: float
    at_edge: bool
    warning: str = ""


def choose(arm: str, norm: str, grid: Sequence[float], runs: Iterable[Run]) -> Choice:
    """Choose a rate from an arm's tuning runs.

    The rate at which the fewest seeds failed; among those the one with the best mean validation metric; among
    several of that very metric the middle one (of an even number the lower): as far from training too slowly
    as from the rate at which it diverges.

    Parameters
    ----------
    arm, norm : str
        For the warning.
    grid : sequence of float
        The rates tried, ascending.
    runs : iterable of Run
        Of phase ``tune``; every rate with the same seeds.
    """
    tried: dict[float, list[Run]] = {rate: [] for rate in grid}
    for run in runs:
        tried[run.trial.learning_rate].append(run)

    def merit(rate: float) -> tuple[int, float]:
        metrics = [run.metric for run in tried[rate] if run.metric is not None]
        # fsum: the order in which the runs came must not decide between equals
        return len(metrics) - len(tried[rate]), math.fsum(metrics) / max(1, len(metrics))

    highest = max(map(merit, grid))
    equals = [rate for rate in grid if merit(rate) == highest]
    best = equals[(len(equals) - 1) // 2]
    who = arm if norm == "none" else f"{arm} with {norm} norm"
    at_edge = best in (grid[0], grid[-1])
    if all(run.outcome != "finished" for run in tried[best]):
        return Choice(
            best,
            at_edge,
            f"{who}: no tuning trial finished at any learning rate; tested at the middle one, {best:g}",
        )
    if not at_edge:
        return Choice(best, False)
    side, way = ("lowest", "lower") if best == grid[0] else ("highest", "higher")
    return Choice(
        best,
        True,
        f"{who}: the best learning rate, {best:g}, is the {side} that was tried; a {way} one may be better: "
        f"widen the grid with --lr",
    )
