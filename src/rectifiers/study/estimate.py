"""How long a study takes, said before anything is trained."""

from __future__ import annotations

import statistics

from rectifiers.records.values import Study
from rectifiers.study.search import trials_at_most
from rectifiers.study.work import Work

__all__ = ["estimate"]

_START = 3.0  # seconds until worker processes are there
_USUAL = 0.5  # of the seeds of a race, until most arms are decided


def estimate(work: Work, jobs: int, known: Study | None = None) -> tuple[float, float] | None:
    """Estimate by what a trial of each arm takes how long what is left takes.

    Parameters
    ----------
    work : Work
    jobs : int
        Trials at a time.
    known : Study, optional
        What is there already, of the same protocol.

    Returns
    -------
    usually, at_most : float
        Seconds as a race usually goes, and if no arm is ever decided; None where nobody knows what a trial
        takes.
    """
    plan, runs = work.plan, known.runs if known else ()
    tuning = trials_at_most(plan.learning_rates, plan.tuning_seeds) if plan.tuned else 0
    cells = plan.cells
    done = dict.fromkeys(cells, 0)
    for run in runs:
        cell = (run.trial.arm, run.trial.norm)
        if cell in done:
            done[cell] += 1
    taken = [run.seconds for run in runs if run.outcome == "finished"]
    each = {cell: work.seconds(*cell) or (statistics.median(taken) if taken else None) for cell in cells}
    cost = {cell: seconds for cell, seconds in each.items() if seconds is not None}
    if len(cost) < len(each):
        return None
    usual = plan.seeds * (_USUAL if plan.racing else 1.0)
    usually, at_most = (
        sum(cost[cell] * max(0.0, tuning + seeds - done[cell]) for cell in cells) / jobs
        for seeds in (usual, plan.seeds)
    )
    start = _START if jobs > 1 and at_most else 0.0
    return usually + start, at_most + start
