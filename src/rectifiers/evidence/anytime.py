"""Paired inference that stays valid however often one looks (anytime-valid, for races).

An e-process is a bet against the null that starts with 1 and, under the null, is expected to have at most
1 left at whatever moment one stops. By Ville's inequality it reaches 1/alpha with probability at most alpha,
over all moments together: one may look after every seed and stop at will.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rectifiers.evidence._checks import level, positive, sample
from rectifiers.evidence.paired import deviation

__all__ = ["interval", "normal_mixture", "t_e_process"]


def t_e_process(differences: ArrayLike, g: float = 1.0) -> NDArray[np.float64]:
    """Return the t e-process against "the differences have mean 0", after each seed.

    Parameters
    ----------
    differences : array_like of shape (n,)
        arm - control per seed, in the order the seeds were taken.
    g : float
        Precision of the bet on the effect: mean / SD ~ N(0, 1/g).

    Returns
    -------
    ndarray of shape (n,)
        E_1 .. E_n, finite; decide against the null once an entry reaches 1/alpha.

    Notes
    -----
    For Gaussian differences of unknown sigma, with S = sum D, V = sum D^2 and T = g / (g + n),
    ``E_n = sqrt(T) * [ (n+g) V / ((n+g) V - S^2) ]^(n/2)``: the likelihood of the scale-invariant part
    of the data, averaged over the bet, against that under the null. It is a martingale under the null; an
    arm that differs from the control in nothing (all D = 0) keeps the value sqrt(T).

    References
    ----------
    Wang & Ramdas, "Anytime-valid t-tests and confidence sequences for Gaussian means with unknown
    variance", arXiv:2310.03722.
    """
    values = sample("differences", differences)
    positive("g", g)
    n = np.arange(1, values.size + 1, dtype=np.float64)
    total, squares = np.cumsum(values), np.cumsum(values**2)
    share = np.divide(total**2, (n + g) * squares, out=np.zeros_like(n), where=squares > 0.0)
    return np.exp(0.5 * np.log(g / (g + n)) - 0.5 * n * np.log1p(-share))


def interval(
    differences: ArrayLike, alpha: float, g: float = 1.0, resolution: float = 0.0
) -> tuple[float | None, float | None]:
    """Return the current interval of the t confidence sequence for the mean difference.

    Parameters
    ----------
    differences : array_like of shape (n,)
        arm - control per seed so far.
    alpha : float
        Probability that the sequence of intervals, over all n together, ever misses.
    g : float
        As in `t_e_process`.
    resolution : float
        Smallest step of the metric; floors the standard deviation as in `rectifiers.evidence.paired`.

    Returns
    -------
    low, high : float or None
        None while unbounded (below 5 seeds at alpha = .05, below 7 at .005, with g = 1).

    Notes
    -----
    The means m that the e-process of D - m does not reject. With mean x, standard deviation s and
    ``w = (T alpha^2)^(1/n)`` these are ``x +- (s / sqrt n) sqrt((n-1) (1-w) / (w-T))``, all numbers
    while w <= T.
    """
    values = sample("differences", differences)
    level(alpha)
    positive("g", g)
    n = values.size
    if n < 2:
        return None, None
    t = g / (g + n)
    w = math.exp(math.log(t * alpha * alpha) / n)
    if w <= t:
        return None, None
    half = deviation(values, resolution) / math.sqrt(n) * math.sqrt((n - 1) * (1.0 - w) / (w - t))
    mean = float(values.mean())
    return mean - half, mean + half


def normal_mixture(differences: ArrayLike, rho: float) -> NDArray[np.float64]:
    """Return the e-process against "the differences are symmetric around 0", after each seed.

    Parameters
    ----------
    differences : array_like of shape (n,)
        arm - control per seed, in the order the seeds were taken.
    rho : float
        Scale of the bet in squared units of the metric, fixed before the data: strongest when the sum of
        squares V is near rho.

    Returns
    -------
    ndarray of shape (n,)

    Notes
    -----
    ``E_n = sqrt(rho / (V + rho)) exp(S^2 / (2 (V + rho)))``. It asks for no Gaussian: arms that are
    exchangeable under the null have symmetric differences. It tests 0 only and has no interval, because
    a mean far from every difference is never rejected (E tends to 0 there). It reaches 1/alpha only after
    some seeds: the exponent is at most n/2.

    References
    ----------
    de la Pena, "A general class of exponential inequalities for martingales and ratios", Ann. Probab. 27
    (1999); Robbins, "Statistical methods related to the law of the iterated logarithm" (1970).
    """
    values = sample("differences", differences)
    positive("rho", rho)
    total, squares = np.cumsum(values), np.cumsum(values**2)
    return np.exp(0.5 * np.log(rho / (squares + rho)) + total**2 / (2.0 * (squares + rho)))
