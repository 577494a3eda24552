"""Activations that the comparison does not vary."""

from __future__ import annotations

from collections.abc import Iterator

from rectifiers.validity._check import Check, Finding, Probe, listed


def _find(probe: Probe) -> Iterator[Finding]:
    if (fixed := probe.all_of("fixed")) and (varied := probe.all_of("varied")):
        many = "1 activation is" if len(fixed) == 1 else f"{len(fixed)} activations are"
        yield Finding(f"{many} not the arm's, {listed(fixed)}; varied is what is at {listed(varied)}")


Check(
    "fixed-activations",
    "warned",
    rule="Every activation in a model is the arm's, or the reader knows which are not.",
    remedy="verdicts are on the varied ones; call activation(channels) for the others where they are meant",
    before=_find,
    example="""import torch
from torch import nn


def build(activation):
    return nn.Sequential(
        nn.Flatten(), nn.Linear(64, 16), activation(16), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 10)
    )
""",
)
