"""An arm against a control over the same seeds, the number of seeds fixed beforehand.

The interval is Student's for the mean of the paired differences. It holds at the number of seeds that was
planned; looking again after each further seed is what `rectifiers.evidence.anytime` is for.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rectifiers.errors import ShapeError
from rectifiers.evidence._checks import level, not_negative, sample

__all__ = [
    "Ends",
    "PairedComparison",
    "Verdict",
    "compare",
    "concluded",
    "correlation",
    "decide",
    "deviation",
    "half_width",
    "pairs",
    "rules",
    "seeds_until",
    "t_quantile",
]

Verdict = Literal["better", "worse", "equivalent", "undecided"]
Ends = tuple[float | None, float | None, float | None]

_Sd = TypeVar("_Sd", float, NDArray[np.float64])

_MOST_SEEDS = 1_000_000


@dataclass(frozen=True)
class PairedComparison:
    """What paired differences say about an arm and a control.

    Attributes
    ----------
    n : int
        Number of pairs.
    difference : float or None
        Mean of arm - control; None without a pair.
    low, high : float or None
        Interval for the difference; None means unbounded (fewer than two pairs).
    sd : float or None
        Standard deviation of the differences as observed (not floored); None below two pairs.
    correlation : float or None
        Correlation between the two arms over the seeds. Positive: pairing narrowed the interval. None where
        it is undefined (fewer than three pairs, or an arm that never varies).
    verdict : {"better", "worse", "equivalent", "undecided"}
    more_seeds : int or None
        Further seeds an undecided comparison would take if mean and SD stayed as observed; 0 once decided,
        None when no number of seeds below a million would do or there is nothing to extrapolate from.
    e_value : float or None
        Evidence against "the differences have mean 0" after `n` pairs, anytime-valid; None where the interval
        is valid at a fixed number of seeds only.
    decided_at : int or None
        Number of pairs at which a race was decided; None while it is not, or without a race.
    """

    n: int
    difference: float | None
    low: float | None = None
    high: float | None = None
    sd: float | None = None
    correlation: float | None = None
    verdict: Verdict = "undecided"
    more_seeds: int | None = None
    e_value: float | None = None
    decided_at: int | None = None

    @property
    def ends(self) -> Ends:
        """Difference, low and high."""
        return self.difference, self.low, self.high


def compare(
    arm: ArrayLike, control: ArrayLike, *, margin: float, alpha: float, resolution: float = 0.0
) -> PairedComparison:
    """Compare an arm with a control over the same seeds.

    Parameters
    ----------
    arm, control : array_like of shape (n,)
        The metric (higher is better) of both; entry i of each comes from the same seed. Seeds where either
        failed are left out by the caller and reported by `rectifiers.evidence.divergence`.
    margin : float
        Smallest difference worth caring about, in units of the metric; at least 0.
    alpha : float
        Probability that the interval misses, in (0, 1), already corrected for the number of comparisons.
    resolution : float
        Smallest step of the metric (``100 / test samples`` for accuracy in %); 0 if continuous.

    Returns
    -------
    PairedComparison

    Raises
    ------
    ArgumentError
        If a value is not finite or outside its rule.
    ShapeError
        If the two differ in length.

    Notes
    -----
    With mean x and standard deviation s of the n differences, the interval is
    ``x +- t(1 - alpha/2, n - 1) * max(s, resolution/2) / sqrt(n)``.

    The floor is for metrics that move in steps. A few seeds can all show the same difference although
    the next would not; s is then 0 and an interval of no width would claim certainty. A difference that
    takes two neighbouring steps has a standard deviation of at most ``resolution / 2``; with that floor the
    coverage over all such differences, by enumeration, is at worst .940 at alpha = .05 (n from 2 to 60) and
    .991 at .05 / 6. Without a floor it can be anything down to 0, and floors taken from rounding errors
    (``resolution / sqrt(12)``, ``/ sqrt(6)``) leave .859 and .908 (benchmarks/STATISTICS.md).

    Examples
    --------
    >>> compare([97.5, 97.9, 97.4], [97.0, 97.5, 97.0], margin=0.2, alpha=0.05).verdict
    'better'
    """
    ours, theirs = pairs(arm, control)
    not_negative("margin", margin)
    level(alpha)
    differences = ours - theirs
    n = differences.size
    mean = float(differences.mean()) if n else None
    if n < 2 or mean is None:
        return PairedComparison(n, mean)
    spread = float(deviation(differences, resolution))
    sd, shared = float(differences.std(ddof=1)), correlation(ours, theirs)
    return concluded(lambda seeds: half_width(spread, seeds, alpha), mean, n, margin, sd, shared)


def concluded(
    half_width: Callable[[int], float],
    mean: float,
    n: int,
    margin: float,
    sd: float,
    correlation: float | None = None,
) -> PairedComparison:
    """Return what an interval of a number of seeds that was fixed beforehand says."""
    half = half_width(n)
    verdict = decide(mean - half, mean + half, margin)
    more = seeds_until(half_width, mean, n, margin=margin) if verdict == "undecided" else 0
    return PairedComparison(n, mean, mean - half, mean + half, sd, correlation, verdict, more)


def pairs(arm: ArrayLike, control: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return both as finite vectors of the same length."""
    ours, theirs = sample("arm", arm), sample("control", control)
    if ours.shape != theirs.shape:
        raise ShapeError(
            f"`arm` and `control` must pair up seed by seed, but got {ours.size} and {theirs.size} values"
        )
    return ours, theirs


def rules(low: Any, high: Any, margin: float) -> dict[Verdict, Any]:
    """Return, for an interval or arrays of them, which verdicts it allows; the first that holds counts.

    Equivalence comes first: an interval inside (-margin, +margin) that leaves out 0 shows a difference, but
    one too small to care about.
    """
    return {"equivalent": (-margin < low) & (high < margin), "better": low > 0.0, "worse": high < 0.0}


def decide(low: float, high: float, margin: float) -> Verdict:
    """Return the verdict an interval for arm - control allows."""
    held = (verdict for verdict, holds in rules(low, high, margin).items() if holds)
    return next(held, "undecided")


def deviation(differences: NDArray[np.float64], resolution: float) -> NDArray[np.float64]:
    """Return the standard deviation of differences (the last axis), at least half a step of the metric."""
    floor = not_negative("resolution", resolution) / 2.0
    spread: NDArray[np.float64] = np.maximum(differences.std(axis=-1, ddof=1), floor)
    return spread


def seeds_until(half_width: Callable[[int], float], mean: float, n: int, *, margin: float) -> int | None:
    """Return how many seeds beyond `n` bring `mean` +- `half_width` (of a number of seeds) to a verdict.

    It is a plan for a fresh study of that size; adding seeds until the interval decides would spoil its
    coverage.

    Intervals around an unchanged mean are nested, so the first deciding number of seeds is found by
    bisection. None when no number below a million would do.
    """

    def decided(seeds: int) -> bool:
        half = half_width(seeds)
        return decide(mean - half, mean + half, margin) != "undecided"

    if not decided(_MOST_SEEDS):
        return None
    below, enough = n, _MOST_SEEDS
    while enough - below > 1:
        middle = (below + enough) // 2
        below, enough = (below, middle) if decided(middle) else (middle, enough)
    return enough - n


def t_quantile(freedom: float, alpha: float) -> float:
    """Return the two-sided quantile of Student's t for the error probability `alpha`."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, 1.0 - alpha / 2.0))


def half_width(sd: _Sd, n: int, alpha: float) -> _Sd:
    """Return half the width of Student's interval for the mean of `n` values of standard deviation `sd`."""
    return t_quantile(n - 1, alpha) * sd / math.sqrt(n)


def correlation(first: NDArray[np.float64], second: NDArray[np.float64]) -> float | None:
    """Return Pearson's correlation; None below three pairs or where one side never varies."""
    if first.size < 3 or not np.ptp(first) or not np.ptp(second):
        return None
    one, other = first - first.mean(), second - second.mean()
    scale = math.sqrt(float(one @ one)) * math.sqrt(float(other @ other))
    return min(1.0, max(-1.0, float(one @ other) / scale)) if scale else None
