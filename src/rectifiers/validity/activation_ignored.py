"""Models that do not use the activation they are given."""

from __future__ import annotations

from collections.abc import Iterator

from rectifiers.validity._check import Check, Finding, Probe, Seen


def _find(probe: Probe) -> Iterator[Finding]:
    found: dict[str, list[tuple[str, str]]] = {}
    for cell, seen in probe.cells.items():
        if reason := _reason(seen):
            found.setdefault(reason, []).append(cell)
    for reason, cells in found.items():
        yield Finding(f"{probe.plan.model} {reason}{probe.naming(cells)}, so that it changes nothing")


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
    remedy="call activation(channels) in build, the module it returns in forward, and go on with the output",
    before=_find,
    example="""import torch
from torch import nn


def build(activation):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 10))
""",
)
