"""Models that do not use the activation they are given."""

from __future__ import annotations

from collections.abc import Iterator

from rectifiers.records.values import Run, Study
from rectifiers.validity._check import Check, Finding, Probe, Seen
from rectifiers.validity._runs import Runs, named

NEVER_CALLED = "makes nothing of trial.activation, or never calls what it makes of it"


def _find(probe: Probe) -> Iterator[Finding]:
    found: dict[str, list[tuple[str, str]]] = {}
    for cell, seen in probe.cells.items():
        if reason := _reason(seen):
            found.setdefault(reason, []).append(cell)
    for reason, cells in found.items():
        yield Finding(f"{probe.plan.model} {reason}{probe.naming(cells)}, so that it changes nothing")


def _at_end(study: Study, runs: Runs) -> Iterator[Finding]:
    if study.plan.kind != "function":
        return
    cells = [cell for cell, found in runs.items() if any(never_called(run) for run in found)]
    if cells:
        yield Finding(f"{named(cells)}: {study.plan.task} {NEVER_CALLED}, so that it changes nothing")


def never_called(run: Run) -> bool:
    """Return whether a training function finished without calling the activation it was given."""
    return run.outcome == "finished" and not run.init_hash


def _reason(seen: Seen) -> str:
    if seen.matters:
        return ""
    if not seen.made:
        return "makes nothing of the activation it is given"
    if not seen.ran:
        return "makes modules of the activation it is given, but runs none of them"
    return "runs the activation it is given, but its answer does not depend on it"


Check(
    "activation-ignored",
    "withheld",
    rule="A model runs the activation that it is given, and its answer depends on it.",
    remedy="call activation(channels) in build (trial.activation in a training function), the module it "
    "returns in forward, and go on with the output",
    before=_find,
    at_end=_at_end,
    example="""import torch
from torch import nn


def build(activation):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 10))
""",
)
