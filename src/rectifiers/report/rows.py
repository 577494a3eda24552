"""The rows of a `rectifiers.report.summary.Summary`, computed from the records."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Iterator

from rectifiers.evidence import correction, divergence, paired
from rectifiers.records.values import Phase, Plan, Run, Study
from rectifiers.report.summary import (
    ArmRow,
    Band,
    ComparisonRow,
    Cost,
    Failure,
    FailureRow,
    Pairing,
    RatePoint,
    RateRow,
)

__all__ = [
    "arm_rows",
    "bands",
    "comparison_rows",
    "cost",
    "failed_runs",
    "failure_rows",
    "lead_rows",
    "pairing",
    "rate_rows",
]


def arm_rows(study: Study) -> tuple[ArmRow, ...]:
    """Return one row per arm and normalisation."""
    return tuple(_arm_row(study, arm, norm) for arm, norm in _cells(study.plan))


def comparison_rows(study: Study) -> tuple[ComparisonRow, ...]:
    """Return every arm against the control, simultaneous over all of them."""
    plan = study.plan
    alpha = correction.corrected(1.0 - plan.confidence, plan.comparisons)
    return tuple(
        _comparison(study, arm, plan.control, norm, alpha)
        for arm, norm in _cells(plan)
        if arm != plan.control
    )


def lead_rows(study: Study, arms: Iterable[ArmRow]) -> tuple[ComparisonRow, ...]:
    """Return, per normalisation, the arm with the highest mean against every other one."""
    plan = study.plan
    count = correction.comparisons(len(plan.arms), "leader", len(plan.norms))
    alpha = correction.corrected(1.0 - plan.confidence, count)
    found = []
    for norm in plan.norms:
        measured = [row for row in arms if row.norm == norm and row.mean is not None]
        if not measured:
            continue
        leader = max(measured, key=lambda row: row.mean or 0.0)
        found += [
            _comparison(study, leader.arm, row.arm, norm, alpha)
            for row in sorted(measured, key=lambda row: -(row.mean or 0.0))
            if row is not leader
        ]
    return tuple(found)


def failure_rows(study: Study) -> tuple[FailureRow, ...]:
    """Return the test of failures for every arm where it or the control had one."""
    plan = study.plan
    alpha = correction.corrected(1.0 - plan.confidence, plan.comparisons)
    found = []
    for arm, norm in _cells(plan):
        ours, theirs = study.of("test", arm, norm), study.of("test", plan.control, norm)
        failed, control_failed = len(_failed_seeds(ours)), len(_failed_seeds(theirs))
        if arm != plan.control and (failed or control_failed):
            test = divergence.fisher(failed, len(ours), control_failed, len(theirs), alpha=alpha)
            found.append(FailureRow(arm, norm, plan.control, test))
    return tuple(found)


def failed_runs(study: Study) -> tuple[Failure, ...]:
    """Return every run that diverged or crashed, test runs first."""
    phases: tuple[Phase, Phase] = ("test", "tune")
    failed = [
        run
        for phase in phases
        for arm, norm in _cells(study.plan)
        for run in study.of(phase, arm, norm)
        if run.outcome != "finished"
    ]
    return tuple(
        Failure(
            run.trial.phase,
            run.trial.arm,
            run.trial.norm,
            run.trial.learning_rate,
            run.trial.seed,
            run.outcome,
            run.reason,
        )
        for run in failed
    )


def rate_rows(study: Study) -> tuple[RateRow, ...]:
    """Return what every learning rate gave, per arm and normalisation; nothing unless rates were tuned."""
    plan = study.plan
    if not plan.tuned:
        return ()
    edges = (min(plan.learning_rates), max(plan.learning_rates))
    found = []
    for arm, norm in _cells(plan):
        runs = study.of("tune", arm, norm)
        chosen = study.rates.get((arm, norm))
        points = tuple(
            _rate_point(rate, [run for run in runs if run.trial.learning_rate == rate])
            for rate in sorted(plan.learning_rates)
        )
        found.append(RateRow(arm, norm, chosen, chosen in edges, points))
    return tuple(found)


def bands(study: Study) -> tuple[Band, ...]:
    """Return the learning curves of finished test runs, per arm and normalisation."""
    found = []
    for arm, norm in _cells(study.plan):
        finished = _finished(study.of("test", arm, norm))
        for quantity in ("loss", "error"):
            curves = [run.train_loss if quantity == "loss" else run.train_error for run in finished]
            epochs = list(zip(*curves, strict=False))
            if epochs:
                found.append(
                    Band(
                        arm,
                        norm,
                        quantity,
                        mean=tuple(statistics.fmean(values) for values in epochs),
                        low=tuple(min(values) for values in epochs),
                        high=tuple(max(values) for values in epochs),
                    )
                )
    return tuple(found)


def cost(study: Study) -> Cost:
    """Return trials and seconds of training, tuning and testing apart."""
    tune, test = study.of("tune"), study.of("test")
    return Cost(
        len(tune), math.fsum(run.seconds for run in tune), len(test), math.fsum(run.seconds for run in test)
    )


def pairing(study: Study) -> Pairing:
    """Return which arms did not start like the control of the same seed, by the hashes in the records."""
    plan = study.plan
    unlike: dict[str, list[str]] = {"init_hash": [], "order_hash": [], "noise_hash": []}
    pairs = 0
    for arm, norm in _cells(plan):
        if arm == plan.control:
            continue
        control = {run.trial.seed: run for run in study.of("test", plan.control, norm)}
        for run in study.of("test", arm, norm):
            other = control.get(run.trial.seed)
            if other is None:
                continue
            pairs += 1
            for name, arms in unlike.items():
                ours, theirs = getattr(run, name), getattr(other, name)
                # A run that crashed before it began has no hash to hold against.
                if ours and theirs and ours != theirs and arm not in arms:
                    arms.append(arm)
    return Pairing(
        pairs, tuple(unlike["init_hash"]), tuple(unlike["order_hash"]), tuple(unlike["noise_hash"])
    )


def _cells(plan: Plan) -> Iterator[tuple[str, str]]:
    return ((arm.label, norm) for norm in plan.norms for arm in plan.arms)


def _finished(runs: Iterable[Run]) -> list[Run]:
    return [run for run in runs if run.outcome == "finished"]


def _metrics(runs: Iterable[Run]) -> dict[int, float]:
    return {run.trial.seed: run.metric for run in runs if run.metric is not None}


def _failed_seeds(runs: Iterable[Run]) -> set[int]:
    return {run.trial.seed for run in runs if run.outcome != "finished"}


def _arm_row(study: Study, arm: str, norm: str) -> ArmRow:
    plan = study.plan
    runs = study.of("test", arm, norm)
    finished = _finished(runs)
    values = tuple(_metrics(runs).values())
    given = None if plan.tuned else plan.learning_rates[0]
    memory = [run.peak_memory for run in runs if run.peak_memory is not None]
    return ArmRow(
        arm=arm,
        norm=norm,
        n=len(values),
        mean=statistics.fmean(values) if values else None,
        sd=statistics.stdev(values) if len(values) > 1 else None,
        values=values,
        diverged=sum(run.outcome == "diverged" for run in runs),
        crashed=sum(run.outcome == "crashed" for run in runs),
        learning_rate=study.rates.get((arm, norm), given),
        parameters=max((run.parameters for run in runs), default=0) or None,
        seconds_per_trial=statistics.median(run.seconds for run in finished) if finished else None,
        peak_memory=max(memory, default=None),
        steps_to_target=_median_steps(runs),
    )


def _median_steps(runs: Iterable[Run]) -> int | None:
    steps = [math.inf if run.steps_to_target is None else run.steps_to_target for run in runs]
    # The upper median is a number of steps that was seen, and errs to the slow side.
    middle = statistics.median_high(steps) if steps else math.inf
    return int(middle) if math.isfinite(middle) else None


def _comparison(study: Study, arm: str, control: str, norm: str, alpha: float) -> ComparisonRow:
    plan = study.plan
    ours, theirs = study.of("test", arm, norm), study.of("test", control, norm)
    metric, other = _metrics(ours), _metrics(theirs)
    seeds = sorted(metric.keys() & other.keys())
    found = paired.compare(
        [metric[seed] for seed in seeds],
        [other[seed] for seed in seeds],
        margin=plan.margin,
        alpha=alpha,
        resolution=plan.resolution,
    )
    verdict, note = divergence.gate(found.verdict, _failed_seeds(ours), _failed_seeds(theirs))
    done = min(len(ours), len(theirs))
    if done < plan.seeds:
        # The interval holds at the planned number of seeds; a verdict before that would be a peek.
        verdict, note = "undecided", f"{done} of {plan.seeds} planned seeds so far: decided when all are in"
    return ComparisonRow(
        arm=arm,
        norm=norm,
        control=control,
        n=found.n,
        difference=found.difference,
        low=found.low,
        high=found.high,
        sd=found.sd,
        pair_correlation=found.correlation,
        verdict=verdict,
        more_seeds=found.more_seeds if verdict == found.verdict else None,
        note=note,
    )


def _rate_point(rate: float, runs: list[Run]) -> RatePoint:
    values = tuple(run.metric for run in runs if run.metric is not None)
    if not values:
        return RatePoint(rate, 0, len(runs), None, None, None)
    return RatePoint(
        rate, len(values), len(runs) - len(values), statistics.fmean(values), min(values), max(values)
    )
