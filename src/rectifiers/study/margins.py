"""The margin, fixed on runs of the control that decide nothing: before any deciding run is seen."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence

from rectifiers.evidence import margin as rules
from rectifiers.records.values import Margin, Notice, Run, Study, Trial
from rectifiers.validity.tuned_on_test import VALIDATION

__all__ = ["RUNS", "fix", "too_fine", "trials"]

RUNS = 3
_FAR_BELOW = 0.5


def trials(study: Study) -> Iterator[Trial]:
    """Yield the trials that tell what the test set resolves: the control's; none for a given margin."""
    plan = study.plan
    if plan.margin is not None:
        return
    for norm in plan.norms:
        rate = study.rate(plan.control, norm)
        assert rate is not None
        for seed in range(RUNS):
            yield plan.trial("margin", plan.control, norm, rate, seed)


def fix(study: Study) -> Margin:
    """Return the margin a study decides by: the number that was given, or what its test set resolves."""
    plan = study.plan
    if plan.margin is not None:
        return Margin(plan.margin, "as given")
    runs = [study.by_key[trial.key] for trial in trials(study) if trial.key in study.by_key]
    return _resolved(study, runs, _tuned(study))


def too_fine(study: Study) -> Notice | None:
    """Return a warning about a margin that was given far below what the data can resolve.

    By the control's deciding runs, and before there are any by those that tuned it.
    """
    plan = study.plan
    if plan.margin is None or not (runs := study.of("test", plan.control) or _tuned(study)):
        return None
    resolved = _resolved(study, runs)
    if plan.margin >= _FAR_BELOW * resolved.value:
        return None
    return Notice(
        "margin-below-resolution",
        f"margin {plan.margin:g} is far below what these data resolve, {resolved.value:.2g} "
        f"({resolved.rule}): many more seeds are needed, and other data may decide otherwise; leave it out",
    )


def _tuned(study: Study) -> list[Run]:
    """Return the control's runs on tuning seeds, at the rate that was chosen."""
    plan = study.plan
    rates = {norm: study.rate(plan.control, norm) for norm in plan.norms}
    runs = study.of("tune", plan.control)
    return [run for run in runs if run.trial.learning_rate == rates[run.trial.norm]]


def _resolved(study: Study, runs: Sequence[Run], others: Sequence[Run] = ()) -> Margin:
    """Return what the test set resolves; where nothing tells that, what `runs` and `others` spread."""
    plan = study.plan
    metrics = [run.metric for run in runs if run.metric is not None]
    size = f"{plan.test_size:,} test sample{'' if plan.test_size == 1 else 's'}"
    if plan.metric == "accuracy" and plan.test_size:
        level = statistics.fmean(metrics) if metrics else 100.0 / max(2, plan.outputs)
        value = rules.of_accuracy(level, plan.test_size)
        return Margin(value, f"one standard error of accuracy on {size} at {plan.control}'s {level:.1f} %")
    errors = [run.standard_error for run in runs if run.standard_error is not None]
    if errors:
        if not plan.test_size:
            rule = (
                f"one standard error of {plan.metric} over the samples it is measured on, for {plan.control}"
            )
            return Margin(statistics.fmean(errors), rule)
        tuned = all(run.trial.phase == "tune" for run in runs)
        measured_on = plan.validation_size or plan.train_size if tuned else plan.test_size
        value = rules.of_standard_error(statistics.fmean(errors), measured_on, plan.test_size)
        return Margin(value, f"one standard error of {plan.metric} on {size}, as {plan.control} has it")
    groups = _alike([*runs, *others])
    if not groups:
        return Margin(0.0, f"none: {plan.control} finished in fewer than two runs of its own")
    count = sum(map(len, groups))
    rule = f"half the standard deviation of {plan.control}, known from no more than {count} runs of its own"
    return Margin(rules.of_runs(*groups), rule)


def _alike(runs: Sequence[Run]) -> list[list[float]]:
    """Return the metrics of runs that differ in their seed only, by phase and normalisation, two or more."""
    groups: dict[tuple[str, str], list[float]] = {}
    for run in runs:
        other = run.trial.phase == "tune" and VALIDATION in dict(run.measures)  # of another unit, perhaps
        if run.metric is not None and not other:
            groups.setdefault((run.trial.phase, run.trial.norm), []).append(run.metric)
    return [values for values in groups.values() if len(values) > 1]
