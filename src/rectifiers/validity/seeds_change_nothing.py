"""Seeds that change nothing are no replicates."""

from __future__ import annotations

from collections.abc import Iterator

from rectifiers.records.values import Run, Study
from rectifiers.validity._check import Check, Finding, Probe
from rectifiers.validity._runs import ENOUGH, Runs, finished, highest, named, same


def _same_start(probe: Probe) -> Iterator[Finding]:
    if cells := [cell for cell, seen in probe.cells.items() if seen.same_start]:
        where, split = probe.plan.model, "the split and " if probe.plan.vary == "split" else ""
        text = f"models of {where} begin with the same weights whatever the seed{probe.naming(cells)}"
        over = f"results are over {split}the order of the data only"
        yield Finding(f"{text}: {over}, which is right for weights that are given on purpose; else", "warned")


def _find(study: Study, runs: Runs) -> Iterator[Finding]:
    top = highest(study, runs)
    if cells := [cell for cell, found in runs.items() if _one(found) and max(finished(found)) < top]:
        seeds = max(len(finished(runs[cell])) for cell in cells)
        what = f"the same initial weights and the same {study.plan.metric} in all {seeds} seeds"
        yield Finding(f"{named(cells)}: {what}, which are one run and not {seeds}")
    elif study.plan.kind == "function" and (cells := [c for c, found in runs.items() if _one_start(found)]):
        text = f"{named(cells)}: the same initial weights and first batch in all seeds"
        yield Finding(f"{text}, so that only what comes after differs", "warned")


def _one(runs: tuple[Run, ...]) -> bool:
    """Return whether runs are one and the same, from weights to metric."""
    known = [run for run in runs if run.metric is not None and run.init_hash]
    alike = [run for run in known if run.init_hash == known[0].init_hash and same(run, known[0])]
    return len(finished(runs)) == len(alike) >= ENOUGH


def _one_start(runs: tuple[Run, ...]) -> bool:
    hashes = [run.init_hash for run in runs if run.outcome == "finished"]
    return len(hashes) >= ENOUGH and len(set(hashes)) == 1 and len(hashes[0]) > len("called")


Check(
    "seeds-change-nothing",
    "withheld",
    rule="Another seed is another run: other initial weights, or at least another metric.",
    remedy="take manual_seed, fixed generators and files of weights out of what builds the model",
    before=_same_start,
    at_end=_find,
    example="""def build(activation):
    torch.manual_seed(0)  # every trial starts with these weights
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 16), activation(16), nn.Linear(16, 10))""",
)
