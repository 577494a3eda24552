"""A single run tells nothing of how runs differ."""

from __future__ import annotations

from collections.abc import Iterator

from rectifiers.records.values import Study, cell_name
from rectifiers.validity._check import Check, Finding
from rectifiers.validity._runs import Runs, finished


def _find(study: Study, runs: Runs) -> Iterator[Finding]:
    plan = study.plan
    for norm in plan.norms:
        found = runs.get((plan.control, norm), ())
        over = len(found) == plan.seeds or not plan.trained
        if len(finished(found)) == 1 and over and len(plan.arms) > 1:
            yield Finding(
                f"{cell_name(plan.control, norm)} has one finished run, it takes two to tell how runs differ"
            )


Check(
    "one-run",
    "warned",
    rule="Every arm has at least two runs.",
    remedy="take more seeds",
    at_end=_find,
    example="seed,relu,elu\n0,97.1,97.3",
)
