"""What several checks ask of the runs that decide."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from rectifiers.records.values import Run, Study, cell_name

__all__ = ["ENOUGH", "Runs", "enough", "finished", "highest", "named", "same"]

ENOUGH = 3  # seeds: two equal numbers are chance

Runs = Mapping[tuple[str, str], tuple[Run, ...]]


def enough(runs: Runs) -> int:
    """Return how many equal runs are worth a word: `ENOUGH`, or two where every arm has so few."""
    return min(ENOUGH, max(2, *(len(finished(found)) for found in runs.values())))


def finished(runs: Sequence[Run]) -> list[float]:
    """Return the metrics of the runs that finished."""
    return [run.metric for run in runs if run.metric is not None]


def highest(study: Study, runs: Runs) -> float:
    """Return the largest value that the metric can have, infinite where that is not known.

    A table does not say: 1 or 100 where no run is above it, 0 for what is lower the better.
    """
    plan = study.plan
    if plan.epochs:
        return 100.0 if plan.unit == "%" else math.inf
    top = max((value for cell in runs.values() for value in finished(cell)), default=math.nan)
    bounds = (0.0,) if plan.metric.startswith("minus ") else (1.0, 100.0)
    return top if top in bounds else math.inf


def same(run: Run, other: Run) -> bool:
    """Return whether two runs are one and the same, by their metric and, where there is one, their curve.

    Equal metrics alone may be chance: on a small test set there are few different ones.
    """
    losses = zip(run.train_loss, other.train_loss, strict=False)
    return run.metric == other.metric and all(
        math.isclose(*pair, rel_tol=1e-3, abs_tol=1e-6) for pair in losses
    )


def named(cells: Sequence[tuple[str, str]]) -> str:
    """Return cells in words: ``relu, elu with batch norm``."""
    names = [cell_name(*cell) for cell in cells]
    return ", ".join(names if len(names) <= 4 else [*names[:3], f"{len(names) - 3} more"])
