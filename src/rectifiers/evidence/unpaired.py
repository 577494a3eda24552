"""An arm against a control whose runs do not pair up: independent samples, their sizes fixed beforehand."""

from __future__ import annotations

import math

from numpy.typing import ArrayLike

from rectifiers.evidence import paired
from rectifiers.evidence._checks import level, not_negative, sample
from rectifiers.evidence.paired import PairedComparison

__all__ = ["compare"]


def compare(
    arm: ArrayLike, control: ArrayLike, *, margin: float, alpha: float, resolution: float = 0.0
) -> PairedComparison:
    """Compare an arm with a control by independent runs of each (Welch's t interval).

    Parameters
    ----------
    arm : array_like of shape (n,)
    control : array_like of shape (m,)
        The metric (higher is better) of the runs that finished.
    margin, alpha, resolution : float
        As in `rectifiers.evidence.paired.compare`; the floor is on the standard deviation of each arm.

    Returns
    -------
    PairedComparison
        `n` is the smaller of both numbers, `sd` that of the difference between one run of each, `correlation`
        None, and `more_seeds` counts further runs of each.

    Notes
    -----
    ``x +- t(1 - alpha/2, f) sqrt(v)`` with x the difference of the means, ``v = a + b`` where a and b are the
    squared standard errors of both means, and ``f = v^2 / (a^2 / (n-1) + b^2 / (m-1))``.

    References
    ----------
    Welch, "The generalization of 'Student's' problem when several different population variances are
    involved", Biometrika 34 (1947).

    Examples
    --------
    >>> compare([97.5, 97.9, 97.4, 97.6], [97.0, 97.5, 97.0, 97.1], margin=0.2, alpha=0.05).verdict
    'better'
    """
    ours, theirs = sample("arm", arm), sample("control", control)
    not_negative("margin", margin)
    level(alpha)
    n = min(ours.size, theirs.size)
    mean = float(ours.mean() - theirs.mean()) if n else None
    if n < 2 or mean is None:
        return PairedComparison(n, mean)
    variances = [float(paired.deviation(values, resolution)) ** 2 for values in (ours, theirs)]

    def half_width(smaller: int) -> float:
        sizes = [values.size + smaller - n for values in (ours, theirs)]
        errors = [variance / size for variance, size in zip(variances, sizes, strict=True)]
        total = sum(errors)
        if total == 0.0:
            return 0.0
        shares = [error / total for error in errors]
        freedom = 1.0 / sum(share**2 / (size - 1) for share, size in zip(shares, sizes, strict=True))
        return paired.t_quantile(freedom, alpha) * math.sqrt(total)

    sd = math.hypot(float(ours.std(ddof=1)), float(theirs.std(ddof=1)))
    return paired.concluded(half_width, mean, n, margin, sd)
