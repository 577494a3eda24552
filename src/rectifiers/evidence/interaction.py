"""Does a factor change what an arm gains over its control? A difference of differences, paired by seed."""

from __future__ import annotations

from numpy.typing import ArrayLike

from rectifiers.errors import ShapeError
from rectifiers.evidence import paired
from rectifiers.evidence.paired import PairedComparison

__all__ = ["compare"]


def compare(
    arm_with: ArrayLike,
    control_with: ArrayLike,
    arm_without: ArrayLike,
    control_without: ArrayLike,
    *,
    margin: float,
    alpha: float,
    resolution: float = 0.0,
) -> PairedComparison:
    """Compare what an arm gains over its control with a factor and without it, over the same seeds.

    Parameters
    ----------
    arm_with, control_with, arm_without, control_without : array_like of shape (n,)
        The metric of the four cells; entry i of each comes from the same seed.
    margin, alpha, resolution : float
        As in `rectifiers.evidence.paired.compare`.

    Returns
    -------
    PairedComparison
        Of ``(arm - control)`` with the factor against ``(arm - control)`` without it. ``"better"`` means that
        the factor helps the arm more than the control.

    Raises
    ------
    ArgumentError, ShapeError
        If a value is not finite, or the four differ in length.

    Notes
    -----
    Two separate tests of the factor, of which one is significant and the other is not, do not show that its
    effects differ; the interval of this difference can.

    References
    ----------
    Gelman & Stern, "The difference between 'significant' and 'not significant' is not itself statistically
    significant", The American Statistician 60 (2006).

    Examples
    --------
    >>> cells = [3.0, 3.2, 3.1], [1.0, 1.1, 1.0], [2.0, 2.1, 2.2], [1.0, 1.2, 1.1]
    >>> found = compare(*cells, margin=0.1, alpha=0.05)
    >>> round(found.difference, 3), found.verdict
    (1.067, 'better')
    """
    with_factor = paired.pairs(arm_with, control_with)
    without = paired.pairs(arm_without, control_without)
    if with_factor[0].shape != without[0].shape:
        raise ShapeError(
            "the cells with and without the factor must pair up seed by seed, but got "
            f"{with_factor[0].size} and {without[0].size} values"
        )
    gains = with_factor[0] - with_factor[1], without[0] - without[1]
    return paired.compare(*gains, margin=margin, alpha=alpha, resolution=resolution)
