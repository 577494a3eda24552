"""Where an arm stands against its control: a verdict about means, guarded by what the failures allow.

Evidence is taken over the seeds in their order, whichever run came back first, so that interruptions, the
number of processes and further looks never change it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rectifiers.evidence.divergence import FailureComparison
from rectifiers.evidence.paired import PairedComparison, Verdict

__all__ = ["Standing", "standing"]


@dataclass(frozen=True)
class Standing:
    """What is known of an arm against its control.

    Attributes
    ----------
    means : PairedComparison
        Over the seeds in which both finished, among the first `seeds`.
    verdict : {"better", "worse", "equivalent", "undecided"}
        That of the means, unless failures forbid or decide it.
    note : str
        Why the verdict is not that of the means, or what it leaves out; one line, or empty.
    seeds : int
        Seeds the statement rests on: all that both have, or those up to the decision of a race.
    decided_at : int or None
        Number of seeds at which the verdict was reached; None while undecided.
    failures : FailureComparison or None
        The test of failures; None when no run of either failed.
    out : bool
        Whether the arm fails in more than the stated share of its runs.
    """

    means: PairedComparison
    verdict: Verdict
    note: str
    seeds: int
    decided_at: int | None
    failures: FailureComparison | None
    out: bool


def standing(
    arm: Sequence[float | None],
    control: Sequence[float | None],
    *,
    planned: int,
    racing: bool,
    paired: bool = True,
    margin: float,
    alpha: float,
    resolution: float = 0.0,
    first: int = 2,
) -> Standing:
    """Judge an arm by its runs so far."""
    raise NotImplementedError
