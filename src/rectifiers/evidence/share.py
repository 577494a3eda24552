"""What share of runs does something: an interval for a proportion."""

from __future__ import annotations

from rectifiers.errors import ArgumentError
from rectifiers.evidence._checks import level

__all__ = ["interval"]


def interval(successes: int, n: int, *, alpha: float) -> tuple[float, float]:
    """Return the exact interval for the share of successes, as numbers in [0, 1].

    Parameters
    ----------
    successes, n : int
        ``0 <= successes <= n`` and ``n >= 1``, independent runs.
    alpha : float
        Probability that the interval misses, at most.

    Raises
    ------
    ArgumentError
        If a value is outside its rule.

    References
    ----------
    Clopper & Pearson, "The use of confidence or fiducial limits illustrated in the case of the binomial",
    Biometrika 26 (1934).

    Examples
    --------
    >>> [round(end, 3) for end in interval(20, 20, alpha=0.05)]
    [0.832, 1.0]
    """
    if not (n >= 1 and 0 <= successes <= n):
        raise ArgumentError(f"`0 <= successes <= n` and `n >= 1` must hold, but got {successes=}, {n=}")
    from scipy.special import betaincinv

    half = level(alpha) / 2
    low = float(betaincinv(successes, n - successes + 1, half)) if successes else 0.0
    high = float(betaincinv(successes + 1, n - successes, 1 - half)) if successes < n else 1.0
    return low, high
