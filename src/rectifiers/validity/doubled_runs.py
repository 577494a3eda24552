"""Results that stand twice in a table, under other seeds."""

from __future__ import annotations

from collections.abc import Iterator

from rectifiers.records.values import Study
from rectifiers.validity._check import Check, Finding
from rectifiers.validity._runs import ENOUGH, Runs


def _find(study: Study, runs: Runs) -> Iterator[Finding]:
    columns = [[run.metric for run in found] for found in runs.values()]
    halves = [(column[: len(column) // 2], column[len(column) // 2 :]) for column in columns]
    twice = all(first == second and len(first) >= ENOUGH for first, second in halves)
    if not study.plan.epochs and twice and all(len(set(first)) >= ENOUGH for first, _ in halves):
        yield Finding("the second half of every arm's runs repeats the first number by number")


Check(
    "doubled-runs",
    "withheld",
    rule="Every run stands in a table of results once.",
    remedy="leave the copies out",
    at_end=_find,
    example="seed,relu,elu\n0,97.1,97.5\n1,96.8,97.6\n2,97.0,97.2\n3,97.1,97.5\n4,96.8,97.6\n5,97.0,97.2",
)
