"""The smallest difference worth caring about, where nobody names one: what the test set can resolve.

One standard error of the metric on the test set: models closer than that are called equally good by the
one-standard-error rule of Breiman et al. Smaller differences may be real on this test set, but another test
set of the same size could well rank the models the other way round.

References
----------
Breiman, Friedman, Olshen & Stone, "Classification and Regression Trees" (1984), section 3.4.3.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from rectifiers.errors import ArgumentError
from rectifiers.evidence._checks import not_negative, sample

__all__ = ["given", "of_accuracy", "of_runs", "of_standard_error"]


def given(margin: str | float) -> float | None:
    """Return a margin as somebody names it: a number above 0, or None for ``"auto"``."""
    if margin == "auto":
        return None
    try:
        value = float(margin)
    except (TypeError, ValueError):
        value = math.nan
    if isinstance(margin, bool) or not 0.0 < value < math.inf:
        raise ArgumentError(f"a margin is `auto` or a number above 0, but got {margin!r}")
    return value


def of_accuracy(level: float, n: int) -> float:
    """Return one standard error of an accuracy of `level` % on `n` test samples, in percentage points.

    Two successes and two failures are added (Agresti & Coull), so that an accuracy of 100 % on few samples is
    not taken for certainty.

    References
    ----------
    Agresti & Coull, "Approximate is better than 'exact' for interval estimation of binomial proportions",
    The American Statistician 52 (1998).

    Examples
    --------
    >>> round(of_accuracy(93.0, 597), 2)
    1.06
    """
    if not 0.0 <= level <= 100.0:
        raise ArgumentError(f"`0 <= level <= 100` must hold, but got level={level!r}: accuracy is in %")
    share = (_count("n", n) * level / 100.0 + 2.0) / (n + 4.0)
    return 100.0 * math.sqrt(share * (1.0 - share) / (n + 4.0))


def of_standard_error(standard_error: float, measured_on: int, n: int) -> float:
    """Return what a standard error measured on `measured_on` samples would be on `n` samples."""
    scale = math.sqrt(_count("measured_on", measured_on) / _count("n", n))
    return not_negative("standard_error", standard_error) * scale


def of_runs(*groups: ArrayLike) -> float:
    """Return half the standard deviation of a metric over runs that differ in their seed only.

    For metrics whose standard error on the test set is unknown. Several groups, each about a mean of its own,
    are pooled.
    """
    runs = [sample("values", values) for values in groups]
    free = sum(group.size - 1 for group in runs)
    if min((group.size for group in runs), default=0) < 2:
        count = sum(group.size for group in runs)
        raise ArgumentError(
            f"a margin by runs takes at least 2 finished ones, but got {count}: name a margin (`margin=`)"
        )
    return 0.5 * math.sqrt(sum((group.size - 1) * float(np.var(group, ddof=1)) for group in runs) / free)


def _count(name: str, value: int) -> int:
    if value < 1:
        raise ArgumentError(f"`{name} >= 1` must hold, but got {name}={value!r}")
    return value
