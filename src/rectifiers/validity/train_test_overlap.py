"""Training samples in the test set."""

from __future__ import annotations

from collections.abc import Iterator

from rectifiers.validity._check import Check, Finding, Probe


def _find(probe: Probe) -> Iterator[Finding]:
    if probe.overlap:
        yield Finding(
            f"{probe.overlap} of {probe.plan.train_size} training samples are in the test set as well"
        )


Check(
    "train-test-overlap",
    "warned",
    rule="No sample is trained on and tested on.",
    remedy="take them out of one of the two, for they reward learning by heart",
    before=_find,
    example="""import torch


def load():
    x = torch.randn(60, 4, generator=torch.Generator().manual_seed(0))
    y = (x.sum(1) > 0).long()
    return x, y, x[40:], y[40:]  # trained on all 60, the last 20 of which are the test set
""",
)
