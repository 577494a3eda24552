"""The rows of a report, computed from the records: the only statistics of this room."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, get_args

from rectifiers.evidence import correction, new_data, skewness
from rectifiers.evidence.standing import Standing
from rectifiers.records.standings import judge
from rectifiers.records.values import Notice, Phase, Plan, Run, Study, cell_name
from rectifiers.report.facts import (
    ArmRow,
    Band,
    ComparisonRow,
    Cost,
    RatePoint,
    RateRow,
)

__all__ = [
    "arm_rows",
    "bands",
    "best",
    "comparison_rows",
    "cost",
    "deciding",
    "failed_runs",
    "finished",
    "lead_rows",
    "notices",
    "ranked",
    "rate_rows",
    "without_verdict",
]

_NO_MARGIN = "the margin is fixed once the learning rates are chosen"

Standings = Mapping[tuple[str, str], Standing]
Deciding = Mapping[tuple[str, str], tuple[Run, ...]]


def deciding(study: Study, standings: Standings) -> Deciding:
    """Return, per arm and normalisation, the test runs that verdicts rest on.

    A race ignores what was made beyond a decision, by a process that ran ahead, so that a report does not
    depend on the number of processes.
    """
    plan = study.plan
    found = {}
    for arm, norm in plan.cells:
        runs = study.series(arm, norm)
        if plan.racing and standings:
            seeds = [s.seeds for (a, n), s in standings.items() if n == norm and arm in (a, plan.control)]
            runs = runs[: max(seeds, default=0)]
        found[arm, norm] = runs
    return found


def finished(study: Study, standings: Standings) -> bool:
    """Return whether all is there that was asked for: every arm decided, or all its seeds run."""
    plan = study.plan
    if not plan.trained or not plan.paired:
        return True
    going = {cell for cell in plan.cells if len(study.series(*cell)) < plan.seeds}
    if not plan.racing or len(plan.arms) == 1:
        return not going
    needed = {cell for cell, standing in standings.items() if standing.decided_at is None}
    needed |= {(plan.control, norm) for _, norm in needed}
    return bool(standings) and not needed & going


def arm_rows(study: Study, runs: Deciding) -> tuple[ArmRow, ...]:
    """Return one row per arm and normalisation."""
    return tuple(_arm_row(study, arm, norm, runs[arm, norm]) for arm, norm in study.plan.cells)


def comparison_rows(study: Study, standings: Standings, runs: Deciding) -> tuple[ComparisonRow, ...]:
    """Return every arm against the control, simultaneous over all of them."""
    plan = study.plan
    found = []
    for arm, norm in plan.cells:
        if arm != plan.control:
            new = _for_new_data(plan, runs[arm, norm], runs[plan.control, norm])
            row = _comparison(arm, plan.control, norm, standings.get((arm, norm)))
            found.append(replace(row, new_data=new))
    return tuple(found)


def without_verdict(row: ComparisonRow) -> ComparisonRow:
    """Return a comparison of a study that means nothing: who was compared, and nothing to conclude from."""
    names: dict[str, Any] = {"arm": row.arm, "norm": row.norm, "control": row.control}
    return ComparisonRow(n=row.n, difference=None, **names, seeds=row.seeds, note="withheld")


def ranked(arms: Iterable[ArmRow], comparisons: Iterable[ComparisonRow], norm: str) -> tuple[ArmRow, ...]:
    """Return the arms under a normalisation, best first, by their difference from the control.

    Over the same seeds, that is: in a race arms leave at different seeds, so that their means are over
    different ones. Where there is no difference the mean has to do; without either an arm comes last.
    """
    rows = [row for row in arms if row.norm == norm]
    differences = {row.arm: row.difference for row in comparisons if row.norm == norm}
    known = any(difference is not None for difference in differences.values())

    def place(row: ArmRow) -> tuple[bool, bool, float, float]:
        difference = differences.get(row.arm, 0.0 if known else None)
        return row.mean is None, difference is None, -(difference or 0.0), -(row.mean or 0.0)

    return tuple(sorted(rows, key=place))


def lead_rows(
    study: Study, arms: Sequence[ArmRow], comparisons: Sequence[ComparisonRow], runs: Deciding
) -> tuple[ComparisonRow, ...]:
    """Return, per normalisation, the first of the ranking against every other arm that has a mean.

    Arms that fail too often lead nothing. Which arm leads, the data chose: any pair might have been compared.
    """
    plan = study.plan
    if study.margin is None:
        return ()
    count = correction.comparisons(len(plan.arms), "leader", len(plan.norms))
    found = []
    for norm in plan.norms:
        out = {row.arm for row in comparisons if row.norm == norm and row.out}
        ranking = ranked(arms, comparisons, norm)
        leader, *others = [row.arm for row in ranking if row.mean is not None and row.arm not in out] or [""]
        for other in others:
            ours, theirs = ([run.metric for run in runs[arm, norm]] for arm in (leader, other))
            standing = judge(study, ours, theirs, count)
            found.append(_comparison(leader, other, norm, standing))
    return tuple(found)


def best(
    norm: str, arms: Sequence[ArmRow], comparisons: Sequence[ComparisonRow], leads: Sequence[ComparisonRow]
) -> tuple[str, ...]:
    """Return the arms under a normalisation that are not shown to be worse than another, best first."""
    against = [row for row in comparisons if row.norm == norm]
    worse = {row.control for row in leads if row.norm == norm and row.verdict == "better"}
    worse |= {row.control for row in against if row.verdict == "better"}
    worse |= {row.arm for row in against if row.verdict == "worse"}
    rows = ranked(arms, comparisons, norm)
    return tuple(row.arm for row in rows if row.mean is not None and row.arm not in worse)


def notices(plan: Plan, runs: Deciding) -> tuple[Notice, ...]:
    """Return the warnings that only the deciding runs themselves give cause for."""
    found = []
    for arm, norm in plan.cells:
        control = runs[plan.control, norm]
        if arm != plan.control and plan.paired and skewness.skewed(_differences(runs[arm, norm], control)):
            text = (
                f"{cell_name(arm, norm)}: its differences from {plan.control} are skewed, so that a "
                f"verdict is wrong more often than {100 * plan.confidence:g} % confidence says: take more "
                f"seeds to be sure"
            )
            found.append(Notice("skewed", text))
    return tuple(found)


def failed_runs(study: Study, runs: Deciding) -> tuple[Run, ...]:
    """Return every run that diverged or crashed: those that verdicts rest on, then those of tuning."""
    found = [run for cell in study.plan.cells for run in runs[cell]]
    found += [run for cell in study.plan.cells for run in study.of("tune", *cell)]
    return tuple(run for run in found if run.outcome != "finished")


def rate_rows(study: Study) -> tuple[RateRow, ...]:
    """Return what every learning rate gave, per arm and normalisation; nothing unless rates were tuned.

    Arms try different rates: a rate that only others tried has no run.
    """
    plan = study.plan
    if not plan.tuned:
        return ()
    tried = {cell: study.of("tune", *cell) for cell in plan.cells}
    rates = sorted({run.trial.learning_rate for runs in tried.values() for run in runs})
    found = []
    for (arm, norm), runs in tried.items():
        own = {run.trial.learning_rate for run in runs}
        chosen = study.rates.get((arm, norm))
        points = tuple(
            _rate_point(rate, [run for run in runs if run.trial.learning_rate == rate]) for rate in rates
        )
        found.append(RateRow(arm, norm, chosen, bool(own) and chosen in (min(own), max(own)), points))
    return tuple(found)


def bands(plan: Plan, runs: Deciding) -> tuple[Band, ...]:
    """Return the learning curves of finished test runs, per arm and normalisation."""
    found = []
    for arm, norm in plan.cells:
        ended = [run for run in runs[arm, norm] if run.outcome == "finished"]
        for quantity in ("loss", "error"):
            curves = (getattr(run, f"train_{quantity}") for run in ended)
            if epochs := list(zip(*curves, strict=False)):
                mean = tuple(map(statistics.fmean, epochs))
                found.append(
                    Band(arm, norm, quantity, mean, tuple(map(min, epochs)), tuple(map(max, epochs)))
                )
    return tuple(found)


def cost(study: Study, standings: Standings, runs: Deciding) -> Cost:
    """Return trials and seconds of training, tuning and testing apart, and what a race did not need."""
    plan, phases = study.plan, {phase: study.of(phase) for phase in get_args(Phase)}
    used = sum(map(len, runs.values()))
    saved = 0
    if plan.racing and standings:
        open_norms = {norm for (_, norm), standing in standings.items() if standing.decided_at is None}
        saved = sum(
            plan.seeds - len(runs[arm, norm])
            for arm, norm in plan.cells
            if norm not in open_norms or (arm != plan.control and standings[arm, norm].decided_at is not None)
        )
    return Cost(
        trials={phase: len(made) for phase, made in phases.items()},
        seconds={phase: math.fsum(run.seconds for run in made) for phase, made in phases.items()},
        deciding=used,
        speculated=len(phases["test"]) - used,
        saved=saved,
    )


def _arm_row(study: Study, arm: str, norm: str, runs: Sequence[Run]) -> ArmRow:
    values = tuple(run.metric for run in runs if run.metric is not None)
    seconds = [run.seconds for run in runs if run.outcome == "finished" and run.seconds]
    memory = [run.peak_memory for run in runs if run.peak_memory is not None]
    balanced = [run.balanced for run in runs if run.balanced is not None]
    failed = sorted((run for run in runs if run.reason), key=lambda run: run.outcome != "crashed")
    return ArmRow(
        arm=arm,
        norm=norm,
        n=len(values),
        mean=statistics.fmean(values) if values else None,
        sd=statistics.stdev(values) if len(values) > 1 else None,
        values=values,
        diverged=sum(run.outcome == "diverged" for run in runs),
        crashed=sum(run.outcome == "crashed" for run in runs),
        learning_rate=study.rate(arm, norm) or None,
        parameters=max((run.parameters for run in runs), default=0) or None,
        seconds_per_trial=statistics.median(seconds) if seconds else None,
        peak_memory=max(memory, default=None),
        steps_to_target=_median_steps(runs),
        first_failure=failed[0].reason if failed else None,
        balanced=statistics.fmean(balanced) if balanced else None,
    )


def _median_steps(runs: Iterable[Run]) -> int | None:
    steps = [math.inf if run.steps_to_target is None else run.steps_to_target for run in runs]
    # The upper median is a number of steps that was seen, and errs to the slow side.
    middle = statistics.median_high(steps) if steps else math.inf
    return int(middle) if math.isfinite(middle) else None


def _comparison(arm: str, control: str, norm: str, standing: Standing | None) -> ComparisonRow:
    names: dict[str, Any] = {"arm": arm, "norm": norm, "control": control}
    if standing is None:
        return ComparisonRow(n=0, difference=None, **names, note=_NO_MARGIN)
    means = standing.means
    stated = replace(
        means,
        verdict=standing.verdict,
        more_seeds=means.more_seeds if standing.verdict == means.verdict else None,
        decided_at=standing.decided_at,
    )
    return ComparisonRow(
        **vars(stated),
        **names,
        seeds=standing.seeds,
        note=standing.note,
        out=standing.out and standing.verdict == "worse",
        failures=standing.failures,
    )


def _differences(arm: Sequence[Run], control: Sequence[Run]) -> list[float]:
    pairs = [(run.metric, other.metric) for run, other in zip(arm, control, strict=False)]
    return [ours - theirs for ours, theirs in pairs if ours is not None and theirs is not None]


def _for_new_data(plan: Plan, arm: Sequence[Run], control: Sequence[Run]) -> tuple[float, float] | None:
    if plan.vary != "split" or not plan.paired:
        return None
    low, high = new_data.interval(
        _differences(arm, control),
        alpha=correction.corrected(1.0 - plan.confidence, plan.comparisons),
        train=plan.train_size,
        test=plan.test_size,
        resolution=plan.resolution,
    )
    return None if low is None or high is None else (low, high)


def _rate_point(rate: float, runs: list[Run]) -> RatePoint:
    values = [run.metric for run in runs if run.metric is not None]
    return RatePoint(rate, len(values), len(runs) - len(values), statistics.fmean(values) if values else None)
