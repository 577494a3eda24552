"""How long a study takes, said before anything is trained."""

from __future__ import annotations

from rectifiers.records.values import Study
from rectifiers.study.prepared import Prepared
from rectifiers.study.search import trials_at_most

__all__ = ["estimate"]

_START = 3.0  # seconds until worker processes are there
_EVALUATION = 1.25  # of a trial's training, with what surrounds it
_USUAL = 0.5  # of the seeds of a race, until most arms are decided


def estimate(prepared: Prepared, jobs: int, known: Study | None = None) -> tuple[float, float]:
    """Estimate from the timed step of every arm how long what is left takes.

    Parameters
    ----------
    prepared : Prepared
    jobs : int
        Processes.
    known : Study, optional
        What is there already, of the same protocol.

    Returns
    -------
    usually, at_most : float
        Seconds as a race usually goes, and if no arm is ever decided.
    """
    plan = prepared.plan
    steps = plan.epochs * max(1, plan.train_size // min(plan.batch_size, plan.train_size))
    tuning = trials_at_most(plan.learning_rates, plan.tuning_seeds) if plan.tuned else 0
    each = {cell: found.step_seconds * steps * _EVALUATION for cell, found in prepared.cells.items()}
    done = dict.fromkeys(each, 0)
    for run in known.runs if known else ():
        cell = (run.trial.arm, run.trial.norm)
        if cell in done:
            done[cell] += 1
    usual = plan.seeds * (_USUAL if plan.racing else 1.0)
    usually, at_most = (
        sum(each[cell] * max(0.0, tuning + seeds - done[cell]) for cell in each) / jobs
        for seeds in (usual, plan.seeds)
    )
    start = _START if jobs > 1 and at_most else 0.0
    return usually + start, at_most + start
