"""Arms with the same number in every run."""

from __future__ import annotations

from collections.abc import Iterator

from rectifiers.records.values import Run, Study
from rectifiers.validity._check import Check, Finding
from rectifiers.validity._runs import ENOUGH, Runs, enough, finished, highest, named, same


def _find(study: Study, runs: Runs) -> Iterator[Finding]:
    plan, top, least = study.plan, highest(study, runs), enough(runs)
    groups: list[list[tuple[str, str]]] = []
    for cell, found in runs.items():
        below = {run.metric for run in found if run.metric not in (None, top)}
        # Columns of one number each are another check's; trained runs are told apart by their curves as well.
        if len(finished(found)) < least or len(below) < (1 if plan.epochs else 2):
            continue
        like = (g for g in groups if g[0][1] == cell[1] and _equal(found, runs[g[0]], least, plan.paired))
        if group := next(like, None):
            group.append(cell)
        else:
            groups.append([cell])
    groups = [group for group in groups if len(group) > 1]
    functions = [arm.curve for arm in plan.arms]
    by_design = functions[0] is not None and functions.count(functions[0]) == len(functions)
    everywhere = sum(map(len, groups)) == len(runs) and len(groups) == len(plan.norms) and not by_design
    for group in groups if everywhere or least == ENOUGH else ():
        what = "the activation changes nothing" if everywhere else "they may be one and the same"
        text = f"{named(group)}: the same {plan.metric} in every run, {what}"
        yield Finding(text, "withheld" if everywhere and least == ENOUGH else "warned")


def _equal(runs: tuple[Run, ...], others: tuple[Run, ...], least: int, paired: bool) -> bool:
    """Return whether two arms are the same in all seeds that both have (in a race, one may have left)."""
    if not paired and len(runs) != len(others):
        return False
    equal = all(same(run, other) for run, other in zip(runs, others, strict=False))  # most differ at once
    return equal and len(finished(runs[: len(others)])) >= least


Check(
    "equal-arms",
    "warned",
    rule="Different arms give different runs. Withheld where all are equal in three runs.",
    remedy="see whether the model uses the activation it is given, and whether a column was copied",
    at_end=_find,
    example="seed,relu,elu\n0,97.1,97.1\n1,96.8,96.8\n2,97.2,97.2",
)
