"""Where an arm stands against its control: a verdict about means, guarded by what the failures allow.

Evidence is taken over the seeds in their order, whichever run came back first, so that interruptions, the
number of processes and further analyses never change it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rectifiers.errors import ArgumentError
from rectifiers.evidence import anytime, divergence, paired, unpaired
from rectifiers.evidence.divergence import FailureComparison
from rectifiers.evidence.paired import PairedComparison, Verdict

__all__ = ["Standing", "standing"]

Metrics = Sequence[float | None]


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
        Number of seeds at which the verdict was reached, failed ones included; None while undecided.
    failures : FailureComparison or None
        The test of failures; None when no run of either failed.
    out : bool
        Whether the arm fails in more than the stated share of its runs (`divergence.SHARE`).
    """

    means: PairedComparison
    verdict: Verdict
    note: str
    seeds: int
    decided_at: int | None
    failures: FailureComparison | None
    out: bool


def standing(
    arm: Metrics,
    control: Metrics,
    *,
    planned: int,
    racing: bool,
    paired: bool = True,
    margin: float,
    alpha: float,
    resolution: float = 0.0,
    first: int = 2,
) -> Standing:
    """Judge an arm by its runs so far.

    Parameters
    ----------
    arm, control : sequence of float or None
        Entry i is the metric (higher is better) at seed i, None where that run failed. Of unequal lengths the
        shorter counts, unless unpaired.
    planned : int
        Seeds at which the verdict is given, or the largest number a race may take; later ones are ignored.
    racing : bool
        Whether the runs are analysed after every seed until they decide (anytime-valid intervals and failure
        tests), or once at `planned` seeds (Student's interval, Fisher's test).
    paired : bool
        Whether run i of the arm belongs to run i of the control. Without, both are independent samples
        (Welch), judged as they are: never a race, and `planned` plays no part.
    margin, alpha, resolution : float
        As in `rectifiers.evidence.paired.compare`. The means and the failures are two questions: each errs
        with probability at most `alpha`.
    first : int
        Number of seeds at the first analysis of a race.

    Returns
    -------
    Standing
        A race that is decided stays as it was at that seed, whatever comes later.
    """
    if racing and not paired:
        raise ArgumentError("a race pairs runs by seed, but got racing=True, paired=False: set one of them")
    if not paired:
        return _judge(arm, control, False, margin, alpha, resolution)
    seeds = min(len(arm), len(control), planned)
    arm, control = arm[:seeds], control[:seeds]
    if racing:
        return _race(arm, control, margin, alpha, resolution, first)
    found = _judge(arm, control, True, margin, alpha, resolution)
    if seeds >= planned:
        return found
    # The interval holds at the planned number of seeds; a verdict before that would be an interim one.
    note = f"{seeds} of {planned} planned seeds so far: decided when all are in"
    return Standing(found.means, "undecided", note, seeds, None, found.failures, False)


def _judge(
    arm: Metrics, control: Metrics, pairs: bool, margin: float, alpha: float, resolution: float
) -> Standing:
    """Judge a number of runs that was fixed beforehand."""
    ours, theirs = _failed(arm), _failed(control)
    if pairs:
        means = paired.compare(*_both(arm, control), margin=margin, alpha=alpha, resolution=resolution)
    else:
        finished = [[value for value in values if value is not None] for values in (arm, control)]
        means = unpaired.compare(*finished, margin=margin, alpha=alpha, resolution=resolution)
        theirs = {-1 - run for run in theirs}  # no run of the one belongs to a run of the other
    failures = divergence.fisher(len(ours), len(arm), len(theirs), len(control), alpha=alpha)
    out = divergence.exceeds(failures.failed, failures.n, alpha=alpha)
    control_out = divergence.exceeds(failures.control_failed, failures.control_n, alpha=alpha)
    verdict, note = _settle(means.verdict, ours, theirs, failures, out, control_out)
    return _stated(means, verdict, note, min(len(arm), len(control)), failures, out)


def _race(
    arm: Metrics, control: Metrics, margin: float, alpha: float, resolution: float, first: int
) -> Standing:
    """Judge seed by seed in order, and stay at the first seed that decides."""
    rule = {"margin": margin, "alpha": alpha, "resolution": resolution}
    n, first = len(arm), max(2, first)
    if None not in arm and None not in control:
        means = anytime.compare(*_both(arm, control), **rule, first=first)
        return Standing(means, means.verdict, "", means.n, means.decided_at, None, False)
    flags = np.array([[value is None for value in values] for values in (arm, control)])
    finished = np.cumsum(~flags.any(axis=0))
    differences = np.subtract(*paired.pairs(*_both(arm, control)))
    lows, highs = anytime.intervals(differences, alpha, resolution=resolution)
    outs = [np.maximum.accumulate(divergence.share_e_process(failed)) >= 1.0 / alpha for failed in flags]
    for seeds in range(min(first, n), n + 1):
        of_means: Verdict = "undecided"
        pairs, out, control_out = int(finished[seeds - 1]), False, False
        if seeds >= first:
            out, control_out = (bool(reached[seeds - 1]) for reached in outs)
            of_means = paired.decide(lows[pairs - 1], highs[pairs - 1], margin) if pairs else of_means
        if of_means == "undecided" and not (out or control_out) and seeds < n:
            continue
        failures = divergence.sign_test(*flags[:, :seeds], alpha=alpha)
        failed = _failed(arm[:seeds]), _failed(control[:seeds])
        verdict, note = _settle(of_means, *failed, failures, out, control_out)
        if verdict != "undecided":
            break
    means = anytime.compare(*_both(arm[:seeds], control[:seeds]), **rule, first=max(first, pairs))
    return _stated(means, verdict, note, seeds, failures, out)


def _settle(
    of_means: Verdict,
    arm_failed: set[int],
    control_failed: set[int],
    failures: FailureComparison,
    out: bool,
    control_out: bool,
) -> tuple[Verdict, str]:
    """Return the verdict that the means and the failures allow together, and why."""
    ours = f"{failures.failed} of {failures.n}"
    theirs = f"{failures.control_failed} of {failures.control_n}"
    share = f"more than {100.0 * divergence.SHARE:g} %"
    if out and failures.control_failed > divergence.SHARE * failures.control_n and not failures.more_often:
        return "undecided", f"{ours} runs failed ({share} fail), but so did {theirs} of the control"
    if out:
        return "worse", f"{ours} runs failed: {share} fail, so it is out"
    if control_out and failures.more_often is False:
        return "better", f"{theirs} runs of the control failed: {share} fail, and the arm fails less often"
    return divergence.gate(of_means, arm_failed, control_failed)


def _stated(
    means: PairedComparison, verdict: Verdict, note: str, seeds: int, failures: FailureComparison, out: bool
) -> Standing:
    decided_at = None if verdict == "undecided" else seeds
    some = failures.failed or failures.control_failed
    return Standing(means, verdict, note, seeds, decided_at, failures if some else None, out)


def _failed(values: Metrics) -> set[int]:
    return {seed for seed, value in enumerate(values) if value is None}


def _both(arm: Metrics, control: Metrics) -> tuple[list[float], list[float]]:
    """Return the metrics of the seeds in which both finished."""
    kept = [(a, b) for a, b in zip(arm, control, strict=True) if a is not None and b is not None]
    return [a for a, _ in kept], [b for _, b in kept]
