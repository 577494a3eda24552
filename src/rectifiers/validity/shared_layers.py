"""Layers that outlive a trial."""

from __future__ import annotations

from collections.abc import Iterator

from rectifiers.validity._check import Check, Finding, Probe, listed


def _find(probe: Probe) -> Iterator[Finding]:
    if layers := probe.all_of("shared"):
        where = probe.plan.model
        text = f"models of {where} built one after the other share {listed(layers)}, which training changes"
        yield Finding(f"{text}, so that a trial would begin where the last one ended")


Check(
    "shared-layers",
    "refused",
    rule="Every trial begins with layers of its own, and nothing that training changed is left of the last.",
    remedy="make it inside build, so that every call makes it anew; of a tensor that is given, take a copy",
    before=_find,
    example="""import torch
from torch import nn

hidden = nn.Linear(64, 16)  # made once, at import: each trial trains it further


def build(activation):
    return nn.Sequential(nn.Flatten(), hidden, activation(16), nn.Linear(16, 10))
""",
)
