"""An arm whose runs all measure the same."""

from __future__ import annotations

import math
from collections.abc import Iterator

from rectifiers.records.values import Study
from rectifiers.validity._check import Check, Finding
from rectifiers.validity._runs import ENOUGH, Runs, finished, highest, named


def _find(study: Study, runs: Runs) -> Iterator[Finding]:
    plan, top = study.plan, highest(study, runs)
    values = {cell: finished(found) for cell, found in runs.items()}
    constant = {
        cell: found
        for cell, found in values.items()
        if len(found) >= ENOUGH and len(set(found)) == 1 and found[0] != top
    }
    everywhere = len(constant) == len(values)
    if plan.epochs:
        # Weights differ here: what is left to tell is an arm that answers alike whatever its input.
        dead = -math.inf if plan.baseline is None else plan.baseline
        constant = {} if everywhere else {cell: v for cell, v in constant.items() if v[0] <= dead}
    levels: dict[float, list[tuple[str, str]]] = {}
    for cell, (level, *_) in constant.items():
        levels.setdefault(level, []).append(cell)
    for level, cells in levels.items():
        shown = f"{-level if plan.metric.startswith('minus ') else level:.4g} {plan.unit}".rstrip()
        text = f"{named(cells)}: every run is at {shown}"
        text += ", no more than a constant answer" if plan.epochs else ""
        yield Finding(text, "withheld" if everywhere else "warned")


Check(
    "constant",
    "warned",
    rule="Runs of an arm differ from seed to seed. Withheld where no arm's do, in results from a file.",
    remedy="see whether the seed reaches the run, and whether the network still learns",
    at_end=_find,
    example="seed,relu,elu\n0,97.1,97.3\n1,97.1,96.8\n2,97.1,97.2",
)
