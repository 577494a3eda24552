"""Learning rates that were chosen by the metric that decides."""

from __future__ import annotations

from collections.abc import Iterator

from rectifiers.records.values import Study
from rectifiers.validity._check import Check, Finding
from rectifiers.validity._runs import Runs

VALIDATION = "validation"  # what a training function, or a script's JSON, has beside the metric, for this


def _find(study: Study, runs: Runs) -> Iterator[Finding]:
    plan = study.plan
    if plan.kind == "loop" or not plan.tuned:
        return
    tuned = [run for run in study.of("tune") if run.outcome == "finished"]
    if tuned and not all(VALIDATION in dict(run.measures) for run in tuned):
        what = plan.metric.removeprefix("minus ")
        yield Finding(
            f"learning rates were chosen by {what} itself, on seeds of their own but the same test samples"
        )


Check(
    "tuned-on-test",
    "warned",
    rule="Learning rates are chosen on other samples than those that decide.",
    remedy="give the metric on held-out training samples as 'validation' beside it (a script: in its JSON)",
    at_end=_find,
    example="""def train(trial):
    ...
    return {"accuracy": accuracy}  # with "validation": ... beside it, rates are chosen by that
""",
)
