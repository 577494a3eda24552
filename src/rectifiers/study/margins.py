"""The margin, fixed on the tuning runs of the control: before any deciding run is seen."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from rectifiers.evidence import margin as rules
from rectifiers.records.values import Margin, Notice, Run, Study, Trial

__all__ = ["calibration", "fix", "too_fine"]

_FAR_BELOW = 0.5


def calibration(study: Study) -> Iterator[Trial]:
    """Yield the tuning trials that tell the control's level where no rate is chosen, for a margin of its own."""
    plan = study.plan
    if not plan.tuned and plan.margin is None:
        for norm in plan.norms:
            for seed in range(plan.tuning_seeds):
                yield plan.trial("tune", plan.control, norm, plan.learning_rates[0], seed)


def fix(study: Study) -> Margin:
    """Return the margin a study decides by: the number that was given, or what its test set resolves."""
    given = study.plan.margin
    return _resolved(study) if given is None else Margin(given, "as given")


def too_fine(study: Study) -> Notice | None:
    """Return a warning about a margin that was given far below what the data can resolve."""
    plan = study.plan
    if plan.margin is None or not _control(study):
        return None
    resolved = _resolved(study)
    if plan.margin >= _FAR_BELOW * resolved.value:
        return None
    return Notice(
        "margin-below-resolution",
        f"margin {plan.margin:g} is far below what these data resolve, {resolved.value:.2g} ({resolved.rule}): "
        f"many more seeds are needed, and other data may decide otherwise; leave out --margin",
    )


def _resolved(study: Study) -> Margin:
    plan, runs = study.plan, _control(study)
    finished = [run for run in runs if run.metric is not None]
    metrics = [run.metric for run in finished if run.metric is not None]
    size = f"{plan.test_size:,} test sample{'' if plan.test_size == 1 else 's'}"
    if plan.metric == "accuracy":
        level = statistics.fmean(metrics) if metrics else 100.0 / max(2, plan.outputs)
        value = rules.of_accuracy(level, plan.test_size)
        return Margin(value, f"one standard error of accuracy on {size} at {plan.control}'s {level:.1f} %")
    errors = [run.standard_error for run in finished if run.standard_error is not None]
    if errors:
        measured_on = plan.validation_size or plan.train_size
        value = rules.of_standard_error(statistics.fmean(errors), measured_on, plan.test_size)
        return Margin(
            value, f"one standard error of {plan.metric} on {size}, by {plan.control}'s tuning runs"
        )
    return Margin(rules.of_runs(metrics), f"half the standard deviation of {plan.control} over tuning seeds")


def _control(study: Study) -> list[Run]:
    """Return the control's tuning runs at the rate it is tested at."""
    plan = study.plan
    found = []
    for norm in plan.norms:
        rate = study.rate(plan.control, norm)
        if rate is None:
            continue
        trials = (plan.trial("tune", plan.control, norm, rate, seed) for seed in range(plan.tuning_seeds))
        found += [study.by_key[trial.key] for trial in trials if trial.key in study.by_key]
    return found
