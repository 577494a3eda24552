"""Paired inference that stays valid however often it is analysed (anytime-valid, for races).

An e-process is a bet against the null that starts with 1 and, under the null, is expected to have at most
1 left at whatever moment one stops. By Ville's inequality it reaches 1/alpha with probability at most alpha,
over all moments together: the data may be analysed after every seed, and the study stopped at will.
"""

from __future__ import annotations

import functools
import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rectifiers.evidence import paired
from rectifiers.evidence._checks import level, not_negative, positive, sample
from rectifiers.evidence.paired import PairedComparison

__all__ = ["PRECISION", "compare", "half_width", "intervals", "t_e_process"]

PRECISION = 2.0
"""Precision g of the bet on the effect, mean / SD ~ N(0, 1/g).

With 1, six comparisons of uniform differences err slightly more often than alpha; with 4, large effects take
some seeds more (benchmarks/STATISTICS.md).
"""

_Array = NDArray[np.float64]

_LARGEST_LOG = 700.0  # beyond it exp overflows


def compare(
    arm: ArrayLike,
    control: ArrayLike,
    *,
    margin: float,
    alpha: float,
    resolution: float = 0.0,
    first: int = 2,
) -> PairedComparison:
    """Compare an arm with a control over the same seeds, analysed after every seed until it is decided.

    Parameters
    ----------
    arm, control : array_like of shape (n,)
        The metric (higher is better) of both; entry i of each comes from the same seed, in the order of the
        seeds. Seeds where either failed are left out by the caller.
    margin : float
        Smallest difference worth caring about, in units of the metric; at least 0.
    alpha : float
        Probability that the sequence of intervals, over all n together, ever misses, in (0, 1), already
        corrected for the number of comparisons.
    resolution : float
        Smallest step of the metric; floors the standard deviation as in `rectifiers.evidence.paired.compare`.
    first : int
        Number of pairs at the first analysis; at least 2.

    Returns
    -------
    PairedComparison
        As it was after the first pair at which `rectifiers.evidence.paired.decide` gave a verdict
        (`decided_at`): later pairs change nothing. Over all pairs while undecided; `more_seeds` then says how
        many more a race would take if mean and SD stayed as observed.

    Notes
    -----
    The interval is that of `intervals`; `e_value` is the t e-process with the same floor on the standard
    deviation, so it reaches 1/alpha exactly where the interval leaves out 0.

    Examples
    --------
    >>> arm, control = [97.5, 97.9, 97.4, 97.6, 97.8, 97.7], [95.0, 95.5, 95.0, 95.2, 95.3, 95.1]
    >>> found = compare(arm, control, margin=0.2, alpha=0.05)
    >>> found.verdict, found.decided_at
    ('better', 6)
    """
    ours, theirs = paired.pairs(arm, control)
    not_negative("margin", margin)
    level(alpha)
    positive("first", first)
    differences = ours - theirs
    n = differences.size
    if n < 2:
        mean = float(differences[0]) if n else None
        return PairedComparison(n, mean)
    means, squares = _running(differences)
    floored = _floored(squares, resolution)
    halves = _half_widths(floored, alpha, PRECISION)
    lows, highs = means - halves, means + halves
    holds = np.logical_or.reduce(list(paired.rules(lows, highs, margin).values()))
    start = max(2, int(first)) - 1
    decided = start + int(holds[start:].argmax()) if holds[start:].any() else None
    last = n - 1 if decided is None else decided
    mean, low, high = float(means[last]), float(lows[last]), float(highs[last])
    verdict = "undecided" if decided is None else paired.decide(low, high, margin)
    more: int | None = 0
    if decided is None:
        sd = math.sqrt(floored[last] / last)
        more = paired.seeds_until(lambda seeds: sd * half_width(seeds, alpha), mean, n, margin=margin)
    bounded = math.isfinite(low)
    return PairedComparison(
        n=last + 1,
        difference=mean,
        low=low if bounded else None,
        high=high if bounded else None,
        sd=math.sqrt(squares[last] / last),
        correlation=paired.correlation(ours[: last + 1], theirs[: last + 1]),
        verdict=verdict,
        more_seeds=more,
        e_value=float(_t_e_values(means[last:], floored[last:], PRECISION, last + 1)[0]),
        decided_at=None if decided is None else decided + 1,
    )


def t_e_process(differences: ArrayLike, g: float = PRECISION, resolution: float = 0.0) -> _Array:
    """Return the t e-process against "the differences have mean 0", after each seed.

    Parameters
    ----------
    differences : array_like of shape (n,)
        arm - control per seed, in the order the seeds were taken.
    g : float
        Precision of the bet on the effect: mean / SD ~ N(0, 1/g).
    resolution : float
        Smallest step of the metric; floors the standard deviation as in `rectifiers.evidence.paired.compare`.

    Returns
    -------
    ndarray of shape (n,)
        E_1 .. E_n, finite; decide against the null once an entry reaches 1/alpha.

    Notes
    -----
    For Gaussian differences of unknown sigma, with S = sum D, V = sum D^2 and T = g / (g + n),
    ``E_n = sqrt(T) * [ (n+g) V / ((n+g) V - S^2) ]^(n/2)``: the likelihood of the scale-invariant part
    of the data, averaged over the bet, against that under the null. It is a martingale under the null; an
    arm that differs from the control in nothing (all D = 0) keeps the value sqrt(T). A floor on the standard
    deviation makes it smaller, never larger.

    References
    ----------
    Wang & Ramdas, "Anytime-valid t-tests and confidence sequences for Gaussian means with unknown
    variance", arXiv:2310.03722.
    """
    means, squares = _running(sample("differences", differences))
    return _t_e_values(means, _floored(squares, resolution), positive("g", g), 1)


def intervals(
    differences: _Array, alpha: float, g: float = PRECISION, resolution: float = 0.0
) -> tuple[_Array, _Array]:
    """Return the ends of the t confidence sequence for the mean difference after every seed (the last axis).

    Parameters
    ----------
    differences : ndarray of shape (..., n)
        arm - control per seed.
    alpha : float
        Probability that the sequence of intervals, over all n together, ever misses.
    g : float
        As in `t_e_process`.
    resolution : float
        Smallest step of the metric; floors the standard deviation as in `rectifiers.evidence.paired`.

    Returns
    -------
    lows, highs : ndarray of shape (..., n)
        Infinite while unbounded (below 6 seeds at alpha = .05, below 8 at .005; with g = 1, below 5 and 7).

    Notes
    -----
    The means m that the e-process of D - m does not reject. With mean x, standard deviation s and
    ``w = (T alpha^2)^(1/n)`` these are ``x +- (s / sqrt n) sqrt((n-1) (1-w) / (w-T))``, all numbers
    while w <= T.
    """
    means, squares = _running(differences)
    halves = _half_widths(_floored(squares, resolution), level(alpha), positive("g", g))
    return means - halves, means + halves


def _running(differences: _Array) -> tuple[_Array, _Array]:
    """Return the mean and the sum of squared deviations from it after every seed (the last axis).

    Deviations from the mean before (Welford), so that every term is positive and nothing cancels.
    """
    n = np.arange(1.0, differences.shape[-1] + 1.0)
    origin = differences[..., :1]
    means = origin + np.cumsum(differences - origin, axis=-1) / n
    terms = np.zeros_like(means)
    terms[..., 1:] = (differences[..., 1:] - means[..., :-1]) ** 2 * (n[:-1] / n[1:])
    return means, np.cumsum(terms, axis=-1)


def _floored(squares: _Array, resolution: float) -> _Array:
    """Return sums of squared deviations of a standard deviation of at least half a step of the metric."""
    n = np.arange(1.0, squares.shape[-1] + 1.0)
    return np.maximum(squares, (n - 1.0) * (0.5 * not_negative("resolution", resolution)) ** 2)


def _half_widths(squares: _Array, alpha: float, g: float) -> _Array:
    factors = np.array([half_width(n, alpha, g) for n in range(2, squares.shape[-1] + 1)])
    first = 1 + int(np.isinf(factors).sum())  # factors fall with n, so the infinite ones are in front
    halves = np.full(squares.shape, math.inf)
    halves[..., first:] = (
        np.sqrt(squares[..., first:] / np.arange(first, squares.shape[-1])) * factors[first - 1 :]
    )
    return halves


@functools.lru_cache(maxsize=8192)
def half_width(n: int, alpha: float, g: float = PRECISION) -> float:
    """Return half the width of the interval after `n` seeds in standard deviations."""
    t = g / (g + n)
    log_w = math.log(t * alpha * alpha) / n
    w = math.exp(log_w)
    return math.sqrt((n - 1) * -math.expm1(log_w) / ((w - t) * n)) if w > t else math.inf


def _t_e_values(means: _Array, squares: _Array, g: float, first: int) -> _Array:
    """Return the t e-process from its sufficient statistics after `first`, `first` + 1, ... seeds."""
    n = np.arange(first, first + means.shape[-1], dtype=np.float64)
    explained = n * means**2
    total = explained + squares
    share = np.divide(explained * n, total * (n + g), out=np.zeros_like(total), where=total > 0.0)
    return np.exp(np.minimum(0.5 * np.log(g / (g + n)) - 0.5 * n * np.log1p(-share), _LARGEST_LOG))
