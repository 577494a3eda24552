"""Learned slopes on the wrong axis."""

from __future__ import annotations

from collections.abc import Iterator

from rectifiers.validity._check import Check, Finding, Probe, listed


def _find(probe: Probe) -> Iterator[Finding]:
    cells = [cell for cell, seen in probe.cells.items() if seen.per_position]
    if places := probe.all_of("per_position"):
        yield Finding(
            f"PReLU at {listed(places)} has its features on the last axis, as many as there are positions on "
            f"axis 1, where its slopes are{probe.naming(cells)}"
        )


Check(
    "prelu-axis",
    "warned",
    rule="PReLU learns a slope for each feature, not for each position in a sequence.",
    remedy="write prelu(dim=-1) for slopes per feature (torch's has no such argument: move the axis)",
    before=_find,
    example="""import torch
from torch import nn

arms = "relu, prelu"  # prelu(dim=-1) is right here


class Tokens(nn.Module):
    def __init__(self, activation):
        super().__init__()
        self.embed, self.act, self.head = nn.Linear(3, 8), activation(8), nn.Linear(8, 2)

    def forward(self, x):  # (n, 8 tokens, 3 numbers): tokens are on axis 1, features behind them
        return self.head(self.act(self.embed(x)).mean(1))


def build(activation):
    return Tokens(activation)


def load():
    x = torch.randn(60, 8, 3, generator=torch.Generator().manual_seed(0))
    return x, (x.mean((1, 2)) > 0).long()
""",
)
