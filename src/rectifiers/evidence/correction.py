"""How much of the error each of several comparisons may take.

The union bound (Bonferroni) asks nothing of the dependence between comparisons - and comparisons with one
control are dependent - and, with Ville's inequality, survives dropping arms for good.
"""

from __future__ import annotations

from typing import Literal

from rectifiers.errors import ArgumentError
from rectifiers.evidence._checks import level

__all__ = ["comparisons", "corrected"]


def comparisons(arms: int, against: Literal["control", "leader"] = "control", families: int = 1) -> int:
    """Return how many comparisons a study makes.

    Parameters
    ----------
    arms : int
        Number of arms, the control included; at least 1.
    against : {"control", "leader"}
        A control named beforehand leaves ``arms - 1`` comparisons. A leader is chosen by looking at the
        data, so any of the ``arms * (arms - 1) / 2`` pairs may be the one that is looked at.
    families : int
        How often that set is compared, e.g. once per normalisation.

    Returns
    -------
    int
        At least 1.
    """
    if arms < 1 or families < 1:
        raise ArgumentError(f"`arms >= 1` and `families >= 1` must hold, but got {arms=}, {families=}")
    pairs = arms - 1 if against == "control" else arms * (arms - 1) // 2
    return max(1, pairs * families)


def corrected(alpha: float, count: int) -> float:
    """Return the error probability of each of `count` comparisons that together err with at most `alpha`.

    Examples
    --------
    >>> corrected(0.05, comparisons(6))
    0.01
    """
    if count < 1:
        raise ArgumentError(f"`count >= 1` must hold, but got count={count!r}")
    return level(alpha) / count
