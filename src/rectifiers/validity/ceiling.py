"""Where all runs reach the maximum, no arm can be better."""

from __future__ import annotations

from collections.abc import Iterator

from rectifiers.records.values import Study
from rectifiers.validity._check import Check, Finding
from rectifiers.validity._runs import Runs, finished, highest, named

_NEARLY = 0.9
_HALF = 0.5


def _find(study: Study, runs: Runs) -> Iterator[Finding]:
    top = highest(study, runs)
    values = {cell: finished(found) for cell, found in runs.items()}
    values = {cell: found for cell, found in values.items() if len(found) > 1}
    if len(values) < 2:
        return
    shares = {cell: found.count(top) / len(found) for cell, found in values.items()}
    level = f"at {abs(top):g} {study.plan.unit}".rstrip()
    if min(shares.values()) >= _NEARLY:
        reached = sum(found.count(top) for found in values.values())
        many = f"{reached} of {sum(map(len, values.values()))}"
        yield Finding(f"the task is too easy to tell the arms apart, {many} runs are {level}")
    elif full := [cell for cell, share in shares.items() if share >= _HALF]:
        yield Finding(f"{named(full)}: half of the runs or more are {level}, better cannot show")


Check(
    "ceiling",
    "warned",
    rule="Runs stay below the largest value that the metric can have.",
    remedy="take a harder task, a smaller model or fewer epochs",
    at_end=_find,
    example="seed,relu,elu\n0,100,100\n1,100,100\n2,100,100",
)
