"""Several tasks together: the interquartile mean with its interval, and performance profiles.

Scores are of shape (runs, tasks). Tasks are fixed and runs are drawn: an interval says what other seeds on
the same tasks would give, and nothing of other tasks.

References
----------
Agarwal et al., "Deep reinforcement learning at the edge of the statistical precipice", NeurIPS 2021, whose
definitions these are, as in their library rliable.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rectifiers.errors import ShapeError
from rectifiers.evidence._checks import level

__all__ = ["interquartile_mean", "interval", "profile"]

_CUT = 0.25  # of the scores at either end


def interquartile_mean(scores: ArrayLike) -> float:
    """Return the mean of the middle half of all scores, of all tasks together.

    Parameters
    ----------
    scores : array_like of shape (runs, tasks)
        A failed run is ``-inf``, lower than any other, and one where what it is compared with failed
        ``inf``; both count like others. The mean is NaN where both are in the middle half.
    """
    return float(_middle(_matrix(scores).reshape(1, -1))[0])


def interval(
    scores: ArrayLike, *, generator: np.random.Generator, alpha: float = 0.05, draws: int = 2000
) -> tuple[float, float]:
    """Return the percentile interval of the interquartile mean, by a bootstrap stratified by task.

    Parameters
    ----------
    scores : array_like of shape (runs, tasks)
    generator : numpy.random.Generator
        The runs of every task are drawn with replacement, each task's on their own.
    alpha : float
        Probability that the interval misses, approximately; with few runs it misses more often.
    draws : int
    """
    matrix = _matrix(scores)
    level(alpha)
    runs, tasks = matrix.shape
    chosen = generator.integers(runs, size=(draws, runs, tasks))
    means = _middle(matrix[chosen, np.arange(tasks)].reshape(draws, -1))
    low, high = np.quantile(means, (alpha / 2, 1 - alpha / 2), method="closest_observation")
    return float(low), float(high)


def profile(scores: ArrayLike, thresholds: ArrayLike) -> NDArray[np.float64]:
    """Return the share of runs, of all tasks together, whose score is above each threshold."""
    matrix = _matrix(scores)
    above = matrix.reshape(-1, 1) > np.asarray(thresholds, dtype=np.float64)
    shares: NDArray[np.float64] = above.mean(axis=0)
    return shares


def _middle(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    ordered, cut = np.sort(rows, axis=1), int(_CUT * rows.shape[1])
    with np.errstate(invalid="ignore"):
        means: NDArray[np.float64] = ordered[:, cut : rows.shape[1] - cut].mean(axis=1)
    return means


def _matrix(scores: ArrayLike) -> NDArray[np.float64]:
    matrix = np.asarray(scores, dtype=np.float64)
    if matrix.ndim != 2 or 0 in matrix.shape or np.isnan(matrix).any():
        raise ShapeError(f"scores are numbers of shape (runs, tasks), but got {matrix.shape}")
    return matrix
