"""Where no arm learns, there is nothing to compare."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence

from rectifiers.evidence.margin import of_accuracy
from rectifiers.records.values import Plan, Run, Study
from rectifiers.validity._check import Check, Finding
from rectifiers.validity._runs import ENOUGH, Runs, finished

_MOST = 5.0  # points: one standard error of a tiny test set would hide whatever was learned
_CONSTANT = {
    "R2": "the mean of the targets alone gives",
    "macro F1": "the labels that most samples have alone give",
}
_HALFWAY = 0.5  # of what is left above a constant answer: a run that gets there has learned


def _find(study: Study, runs: Runs) -> Iterator[Finding]:
    plan, baseline = study.plan, study.plan.baseline
    seeds = min(map(len, runs.values()), default=0)
    if baseline is None or seeds < max(2, min(ENOUGH, plan.seeds)):
        return
    measured, best = 0, {}
    for norm in plan.norms:
        cells = [found for (_, n), found in runs.items() if n == norm and finished(found)]
        measured += bool(cells)
        if cells and not any(_learned(study, found) for found in cells):
            best[norm] = max(statistics.fmean(finished(found)) for found in cells)
    answer = _CONSTANT.get(plan.metric, "the most frequent class alone gives")
    constant = f"{answer} {baseline:.1f} {plan.unit}"
    if best and len(best) == measured:
        level = max(best.values())
        yield Finding(f"no arm learned: {plan.metric} {level:.1f} {plan.unit}, {constant}")
        return
    for norm, level in best.items():
        text = f"no arm learned under the norm {norm!r}: {plan.metric} {level:.1f} {plan.unit}, {constant}"
        yield Finding(text, "warned")


def _learned(study: Study, runs: Sequence[Run]) -> bool:
    """Return whether an arm's answers are worth more than the best constant one."""
    plan, baseline, values = study.plan, study.plan.baseline or 0.0, finished(runs)
    if not values:
        return False
    beyond = [_MOST if study.margin is None else study.margin.value, _MOST, *_standard_errors(plan, runs)]
    halfway = baseline + _HALFWAY * (100.0 - baseline)
    if statistics.fmean(values) > baseline + min(beyond) or max(values) >= halfway:
        return True
    # Where one class is nearly all, an arm that finds the others may have a lower accuracy than a constant
    # answer, which has the share of one class whatever their sizes.
    balanced = [run.balanced for run in runs if run.balanced is not None]
    rest = max(1, round(plan.test_size * (1.0 - baseline / 100.0)))
    share = 100.0 / max(2, plan.outputs)
    return bool(balanced) and statistics.fmean(balanced) > share + of_accuracy(share, rest)


def _standard_errors(plan: Plan, runs: Sequence[Run]) -> list[float]:
    if plan.metric == "accuracy":
        return [of_accuracy(plan.baseline or 0.0, plan.test_size)]
    return [run.standard_error for run in runs if run.standard_error is not None]


Check(
    "no-arm-learned",
    "withheld",
    rule="At least one arm beats the best answer that does not look at the input.",
    remedy="train longer, try other rates (--lr), or look for a fault in the data or the model",
    at_end=_find,
    # No gain: the gradient is lost on its way through twelve layers.
    example="rectifiers compare digits --arms sigmoid,softplus --depth 12 --init own --lr .001 "
    "--seeds 3 --epochs 3",
)
