"""Would other data say the same? An interval for the difference on new data sets of this size.

Splitting one data set again and again gives differences that share training samples. The mean over many
splits then settles down on what is true of this data set, and the interval over runs with it; what another
data set would say stays as uncertain as before.
"""

from __future__ import annotations

import math

from numpy.typing import ArrayLike

from rectifiers.errors import ArgumentError
from rectifiers.evidence import paired
from rectifiers.evidence._checks import level, sample

__all__ = ["interval"]


def interval(
    differences: ArrayLike, *, alpha: float, train: int, test: int, resolution: float = 0.0
) -> tuple[float | None, float | None]:
    """Return the corrected resampled t interval for the expected difference over data sets of this size.

    Parameters
    ----------
    differences : array_like of shape (n,)
        arm - control, each on a new random split of the same data into training and test samples.
    alpha : float
        Probability that the interval misses, already corrected for the number of comparisons. It holds
        approximately (benchmarks/STATISTICS.md), and at a number of splits fixed beforehand.
    train, test : int
        Training and test samples in each split.
    resolution : float
        As in `rectifiers.evidence.paired.compare`.

    Returns
    -------
    low, high : float or None
        None below two splits.

    Notes
    -----
    ``x +- t(1 - alpha/2, n - 1) s sqrt(1/n + test/train)``: the second term stands for the covariance of
    splits that share samples, and does not vanish with more of them.

    References
    ----------
    Nadeau & Bengio, "Inference for the generalization error", Machine Learning 52 (2003).
    """
    values = sample("differences", differences)
    level(alpha)
    if train < 1 or test < 1:
        raise ArgumentError(f"`train >= 1` and `test >= 1` must hold, but got {train=}, {test=}")
    n = values.size
    if n < 2:
        return None, None
    error = float(paired.deviation(values, resolution)) * math.sqrt(1.0 / n + test / train)
    mean, half = float(values.mean()), paired.t_quantile(n - 1, alpha) * error
    return mean - half, mean + half
