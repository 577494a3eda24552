"""An arm whose runs all measure the same."""

from __future__ import annotations

import math
from collections.abc import Iterator

from rectifiers.records.values import Study
from rectifiers.validity._check import Check, Finding, Severity
from rectifiers.validity._runs import ENOUGH, Runs, enough, finished, highest, named


def _find(study: Study, runs: Runs) -> Iterator[Finding]:
    plan, top, least = study.plan, highest(study, runs), enough(runs)
    values = {cell: finished(found) for cell, found in runs.items()}
    constant = {
        cell: found
        for cell, found in values.items()
        if len(found) >= least and len(set(found)) == 1 and found[0] != top
    }
    everywhere = len(constant) == len(values)
    if plan.epochs:
        # Weights differ here: what is left to tell is an arm that does not learn where others do.
        dead = -math.inf if plan.baseline is None else plan.baseline
        learned = any(max(found, default=dead) > dead for found in values.values())
        constant = {cell: found for cell, found in constant.items() if found[0] <= dead and learned}
    elif everywhere:
        severity: Severity = "withheld" if least == ENOUGH else "warned"
        yield Finding("every arm has the same number in all its runs, a seed changes nothing", severity)
        return
    if least < ENOUGH:
        return
    levels: dict[float, list[tuple[str, str]]] = {}
    for cell, (level, *_) in constant.items():
        levels.setdefault(level, []).append(cell)
    for level, cells in levels.items():
        shown = f"{-level if plan.metric.startswith('minus ') else level:.4g} {plan.unit}".rstrip()
        yield Finding(
            f"{named(cells)}: every run is at {shown}{', as a constant answer' if plan.epochs else ''}"
        )


Check(
    "constant",
    "warned",
    rule="Runs of an arm differ from seed to seed. Withheld where no arm's do, in three runs from a file.",
    remedy="see whether the seed reaches the run, and whether the network still learns",
    at_end=_find,
    example="seed,relu,elu\n0,97.1,97.3\n1,97.1,96.8\n2,97.1,97.2",
)
