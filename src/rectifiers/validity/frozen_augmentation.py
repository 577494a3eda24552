"""Random augmentation that is drawn once."""

from __future__ import annotations

from collections.abc import Iterator

from rectifiers.validity._check import Check, Finding, Probe


def _find(probe: Probe) -> Iterator[Finding]:
    if probe.data.frozen_augmentation:
        yield Finding(
            f"{probe.plan.task} gives another sample each time it is asked, and was asked once: what is "
            "random in it is the same in every epoch and every trial"
        )


Check(
    "frozen-augmentation",
    "warned",
    rule="Random augmentation is drawn anew in every epoch.",
    remedy="leave it out of the data set, or take the verdicts for these fixed samples only",
    before=_find,
    example="""import torch
from torch.utils.data import Dataset


class Noisy(Dataset):
    def __init__(self, n):
        self.x = torch.randn(n, 4, generator=torch.Generator().manual_seed(n))

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):  # other noise at every call, of which the first is kept
        return self.x[i] + 0.1 * torch.randn(4), int(self.x[i].sum() > 0)


def load():
    return Noisy(60), Noisy(30)
""",
)
