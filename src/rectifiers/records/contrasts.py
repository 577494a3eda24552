"""What the runs of studies say beyond an arm's metric against the control's; needs no torch.

Every function takes a number of seeds that was fixed beforehand: none of the intervals allows for a race.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from rectifiers.errors import ArgumentError, UnknownNameError
from rectifiers.evidence import interaction as _interaction
from rectifiers.evidence import paired, time_to_target
from rectifiers.evidence import trend as _trend
from rectifiers.evidence.paired import PairedComparison
from rectifiers.evidence.time_to_target import Speedup
from rectifiers.evidence.trend import Trend
from rectifiers.records.values import Run, Study

__all__ = ["QUANTITIES", "difference", "interaction", "lead", "series", "speedup", "trend"]

QUANTITIES: dict[str, Callable[[Run], float | None]] = {
    "metric": lambda run: run.metric,
    "train_loss": lambda run: run.train_loss[-1],
    "train_error": lambda run: run.train_error[-1] if run.train_error else None,
    # in points: how much higher the error is on the test set than over the last epoch of training
    "gap": lambda run: 100 - run.metric - run.train_error[-1] if run.metric and run.train_error else None,
}


def series(study: Study, arm: str, norm: str = "none", quantity: str = "metric") -> list[float | None]:
    """Return a quantity of an arm's deciding runs, by seed; None where a run failed or has it not.

    Parameters
    ----------
    study : Study
    arm, norm : str
    quantity : {"metric", "train_loss", "train_error", "gap"}
        The last epoch's, as it was trained on; the gap is that between test and training error.
    """
    labels = [spec.label for spec in study.plan.arms]
    for kind, name, known in (
        ("arm", arm, labels),
        ("norm", norm, study.plan.norms),
        ("quantity", quantity, QUANTITIES),
    ):
        if name not in known:
            raise UnknownNameError.of(kind, name, known)
    if study.plan.racing:
        raise ArgumentError(
            "this interval is for a fixed number of seeds, but the study is a race: --seeds N"
        )
    runs = study.series(arm, norm)
    return [QUANTITIES[quantity](run) if run.outcome == "finished" else None for run in runs]


def difference(
    study: Study,
    arm: str,
    control: str | None = None,
    *,
    norm: str = "none",
    quantity: str = "metric",
    alpha: float = 0.05,
) -> PairedComparison:
    """Compare a quantity of an arm with that of a control, over the seeds in which both finished."""
    cells = [series(study, name, norm, quantity) for name in (arm, control or study.plan.control)]
    resolution = study.plan.resolution if quantity == "metric" else 0.0
    return paired.compare(*_complete(cells), margin=_margin(study), alpha=alpha, resolution=resolution)


def lead(
    study: Study, arm: str, others: Sequence[str], place: int, *, norm: str = "none", alpha: float = 0.05
) -> PairedComparison:
    """Compare an arm's metric with the `place`-th highest of some others, seed by seed."""
    ours, *theirs = _complete([series(study, name, norm) for name in (arm, *others)])
    placed = [sorted(row, reverse=True)[place - 1] for row in zip(*theirs, strict=True)]
    return paired.compare(ours, placed, margin=_margin(study), alpha=alpha, resolution=study.plan.resolution)


def interaction(
    study: Study,
    arm: str,
    control: str | None = None,
    *,
    norm: str = "batch",
    without: str = "none",
    quantity: str = "metric",
    alpha: float = 0.05,
) -> PairedComparison:
    """Compare what an arm gains over a control with a normalisation and without it."""
    names = (arm, control or study.plan.control)
    cells = [series(study, name, at, quantity) for at in (norm, without) for name in names]
    resolution = study.plan.resolution if quantity == "metric" else 0.0
    return _interaction.compare(*_complete(cells), margin=_margin(study), alpha=alpha, resolution=resolution)


def speedup(
    study: Study, arm: str, control: str | None = None, *, norm: str = "none", alpha: float = 0.05
) -> Speedup:
    """Compare the steps in which an arm and a control reach the study's target.

    Runs that do not reach it, those that failed included, are censored at the last step of training.
    """
    plan = study.plan
    if plan.target is None:
        raise ArgumentError("the time to a target needs one, but the study has none: --target ERROR")
    series(study, arm, norm), series(study, control or plan.control, norm)
    ours, theirs = study.series(arm, norm), study.series(control or plan.control, norm)
    pairs = list(zip(ours, theirs, strict=False))
    limit = plan.epochs * (plan.train_size // min(plan.batch_size, plan.train_size))
    return time_to_target.speedup(
        [run.steps_to_target for run, _ in pairs],
        [run.steps_to_target for _, run in pairs],
        limit=limit,
        alpha=alpha,
    )


def trend(
    studies: Mapping[float, Study],
    arm: str,
    control: str | None = None,
    *,
    norm: str = "none",
    quantity: str = "metric",
    logarithmic: bool = True,
    alpha: float = 0.05,
) -> Trend:
    """Return how the difference between an arm and a control changes along a quantity, such as depth.

    Parameters
    ----------
    studies : mapping of float to Study
        By the value of that quantity; all with the same seeds.
    arm : str
    control : str, optional
    norm, quantity : str
    logarithmic : bool
        Whether the slope is per doubling of the quantity.
    alpha : float
    """
    cells = [
        series(study, name, norm, quantity)
        for study in studies.values()
        for name in (arm, control or study.plan.control)
    ]
    found = _complete(cells)
    rows = [[a - b for a, b in zip(found[i], found[i + 1], strict=True)] for i in range(0, len(found), 2)]
    along = [math.log2(value) if logarithmic else value for value in studies]
    return _trend.trend(rows, along, alpha=alpha)


def _margin(study: Study) -> float:
    return 0.0 if study.margin is None else study.margin.value


def _complete(cells: Sequence[Sequence[float | None]]) -> list[list[float]]:
    """Return the values of the seeds that all cells have."""
    seeds = [row for row in zip(*cells, strict=False) if None not in row]
    return [[row[i] for row in seeds] for i in range(len(cells))]
