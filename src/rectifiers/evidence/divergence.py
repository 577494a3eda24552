"""Runs that failed: their own test, and what they forbid the comparison of means to say.

A run that diverged or crashed has no metric, so it can enter no mean; a mean over the survivors speaks for
them alone. Averaging a substitute in, or dropping failures silently, both produce false alarms.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

from rectifiers.errors import ArgumentError
from rectifiers.evidence._checks import level
from rectifiers.evidence.paired import Verdict

__all__ = ["FailureComparison", "fisher", "gate"]


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
        Fisher's exact test, two-sided; 1 when neither failed.
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
    ours, theirs = set(arm_failed) - set(control_failed), set(control_failed) - set(arm_failed)
    if not arm_failed and not control_failed:
        return verdict, ""
    counts = f"{_runs(len(set(arm_failed)))} of the arm and {len(set(control_failed))} of the control failed"
    if not ours and not theirs:
        return verdict, f"{counts}, in the same seeds: the difference is over the others"
    survivors = f"{counts}: the means speak for the survivors only"
    if verdict == "undecided" or (verdict == "worse" and not theirs):
        return verdict, survivors
    return "undecided", f"{survivors}, so {verdict!r} is withheld"


def _runs(count: int) -> str:
    return f"{count} run" if count == 1 else f"{count} runs"
