"""Runs that failed: their own test, and what they forbid the comparison of means to say.

A run that diverged or crashed has no metric, so it can enter no mean; a mean over the survivors speaks for
them alone. Averaging a substitute in, or dropping failures silently, both produce false alarms.

For a number of seeds fixed beforehand: `fisher` and `exceeds`. For a race, valid after every seed together:
`sign_test` and `share_e_process` (e-processes, see `rectifiers.evidence.anytime`).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rectifiers.errors import ArgumentError, ShapeError
from rectifiers.evidence._checks import level
from rectifiers.evidence.paired import Verdict

__all__ = [
    "SHARE",
    "FailureComparison",
    "exceeds",
    "fisher",
    "gate",
    "share_e_process",
    "sign_e_process",
    "sign_test",
]

SHARE = 0.2
"""An arm that fails in a larger share of its runs is out, whatever its survivors reach."""


@dataclass(frozen=True)
class FailureComparison:
    """How often runs of an arm and of a control failed.

    Attributes
    ----------
    failed, n : int
        Failed runs and runs in all, of the arm.
    control_failed, control_n : int
        The same of the control.
    p_value : float
        Two-sided; 1 when neither failed. Fisher's exact test, or, in a race, 1 / the largest value of the
        e-process so far, which may be read after every seed.
    more_often : bool or None
        True: the arm fails more often; False: the control does; None: undecided.
    """

    failed: int
    n: int
    control_failed: int
    control_n: int
    p_value: float
    more_often: bool | None


def fisher(failed: int, n: int, control_failed: int, control_n: int, *, alpha: float) -> FailureComparison:
    """Test whether an arm and a control fail equally often.

    Parameters
    ----------
    failed, n : int
        Failed runs of the arm and its runs in all.
    control_failed, control_n : int
        The same of the control.
    alpha : float
        Error probability, already corrected for the number of comparisons.

    Returns
    -------
    FailureComparison

    Notes
    -----
    Five seeds against five can show a difference at alpha = .05 only with at least 5 : 0 failures
    (p = .008) or 4 : 0 (p = .048, one comparison); few seeds say little about rare failures.
    """
    for name, count, total in (("failed", failed, n), ("control_failed", control_failed, control_n)):
        if not 0 <= count <= total:
            raise ArgumentError(f"`0 <= {name} <= runs` must hold, but got {name}={count}, runs={total}")
    level(alpha)
    p_value = _two_sided(failed, n, control_failed, control_n)
    more = failed * control_n > control_failed * n if p_value <= alpha else None
    return FailureComparison(failed, n, control_failed, control_n, p_value, more)


def _two_sided(failed: int, n: int, control_failed: int, control_n: int) -> float:
    """Return the share of ways to deal the failures to the two that are no likelier than the one seen.

    In whole numbers, so that ties are ties.
    """
    together = failed + control_failed
    ways = [math.comb(n, k) * math.comb(control_n, together - k) for k in range(together + 1)]
    return sum(way for way in ways if way <= ways[failed]) / sum(ways)


def exceeds(failed: int, n: int, *, alpha: float, share: float = SHARE) -> bool:
    """Return whether `failed` of `n` runs show that more than `share` of all runs would fail.

    The exact binomial test, one-sided: for a number of runs fixed beforehand.
    """
    if not 0 <= failed <= n:
        raise ArgumentError(f"`0 <= failed <= runs` must hold, but got {failed=}, runs={n}")
    from scipy.special import bdtrc

    level(alpha)
    return failed > 0 and float(bdtrc(failed - 1, n, share)) <= alpha


def sign_test(
    arm_failed: Sequence[bool], control_failed: Sequence[bool], *, alpha: float
) -> FailureComparison:
    """Test whether an arm and a control fail equally often, in a race.

    Parameters
    ----------
    arm_failed, control_failed : sequence of bool
        Whether the run of each failed, seed by seed in order.
    alpha : float
        Error probability over all seeds together, already corrected for the number of comparisons.

    Returns
    -------
    FailureComparison
        `more_often` is the direction at the first seed at which `sign_e_process` reached 1/alpha.
    """
    values = sign_e_process(arm_failed, control_failed)
    n, reached = len(values), values >= 1.0 / level(alpha)
    more = None
    if reached.any():
        first = int(reached.argmax()) + 1
        more = bool(np.sum(arm_failed[:first]) > np.sum(control_failed[:first]))
    p_value = min(1.0, 1.0 / float(values.max(initial=1.0)))
    return FailureComparison(int(np.sum(arm_failed)), n, int(np.sum(control_failed)), n, p_value, more)


def sign_e_process(arm_failed: Sequence[bool], control_failed: Sequence[bool]) -> NDArray[np.float64]:
    """Return the e-process against "an arm and a control are equally likely to fail", after each seed.

    Notes
    -----
    Only seeds in which one of the two failed tell them apart. Under exchangeability each of these m seeds is
    the arm's with probability 1/2; with a of the arm and b of the control ``E = 2^m B(a + 1, b + 1)`` is the
    likelihood ratio of a probability uniform on (0, 1) against 1/2.
    """
    from scipy.special import betaln

    ours, theirs = np.asarray(arm_failed, dtype=bool), np.asarray(control_failed, dtype=bool)
    if ours.shape != theirs.shape or ours.ndim != 1:
        raise ShapeError(
            f"`arm_failed` and `control_failed` must pair up seed by seed, but got shapes {ours.shape} and "
            f"{theirs.shape}"
        )
    a, b = np.cumsum(ours & ~theirs), np.cumsum(theirs & ~ours)
    values: NDArray[np.float64] = np.exp((a + b) * math.log(2.0) + betaln(a + 1.0, b + 1.0))
    return values


def share_e_process(failed: Sequence[bool], share: float = SHARE) -> NDArray[np.float64]:
    """Return the e-process against "runs fail with probability at most `share`", after each run.

    Notes
    -----
    The likelihood ratio of a probability uniform on (share, 1) against `share`: with k of n runs failed,
    a = k + 1 and b = n - k + 1, ``B(a, b) P(Beta(a, b) > share) / ((1 - share)^(b) share^k)``. Where runs
    fail with a smaller probability each factor is expected to be below 1, so one test serves all.
    """
    from scipy.special import betainc, betaln

    runs = np.asarray(failed, dtype=bool)
    if runs.ndim != 1:
        raise ShapeError(f"`failed` must be one-dimensional (one entry per seed), but got shape {runs.shape}")
    n = np.arange(1.0, runs.size + 1.0)
    k = np.cumsum(runs)
    a, b = k + 1.0, n - k + 1.0
    with np.errstate(divide="ignore"):  # thousands of runs without a failure: below the smallest number
        above = np.log(betainc(b, a, 1.0 - share))  # P(Beta(a, b) > share), in a form that does not cancel
    null = k * math.log(share) + b * math.log1p(-share)
    values: NDArray[np.float64] = np.exp(np.minimum(above + betaln(a, b) - null, 700.0))
    return values


def gate(
    verdict: Verdict, arm_failed: Collection[int], control_failed: Collection[int]
) -> tuple[Verdict, str]:
    """Withhold a verdict about means that failures make unsafe.

    Parameters
    ----------
    verdict : {"better", "worse", "equivalent", "undecided"}
        From the pairs in which both finished.
    arm_failed, control_failed : collection of int
        Seeds in which each failed.

    Returns
    -------
    verdict : {"better", "worse", "equivalent", "undecided"}
        Unchanged where the failures cannot have caused it: no seed failed in one arm only, or the arm is
        worse even though its worst seeds may be the ones that are missing. Else ``"undecided"``.
    note : str
        Why, in one line; empty when both finished every seed.
    """
    if not arm_failed and not control_failed:
        return verdict, ""
    ours, theirs = set(arm_failed) - set(control_failed), set(control_failed) - set(arm_failed)
    failed = f"{len(set(arm_failed))} of its runs and {len(set(control_failed))} of the control failed"
    note = f"{failed}: the means speak for the survivors only"
    if verdict == "undecided" or not (ours or theirs) or (verdict == "worse" and not theirs):
        return verdict, note
    return "undecided", f"{note}, so {verdict!r} is withheld"
