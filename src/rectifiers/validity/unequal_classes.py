"""Classes of very different size."""

from __future__ import annotations

from collections.abc import Iterator

from rectifiers.validity._check import Check, Finding, Probe

# The rarer of two classes is then a quarter of the samples, and always answering the other gives 75 %: above
# what is commonly called a mild imbalance (20 to 40 %), and far above the built-in tasks (at most 1.3).
_TIMES = 3


def _find(probe: Probe) -> Iterator[Finding]:
    if probe.data.classes is None:
        return
    counts = probe.data.train_y.bincount().tolist()
    if max(counts) > _TIMES * min(counts):
        yield Finding(
            f"classes are of unequal size, {max(counts)} training samples of one, {min(counts)} of another: "
            "accuracy is mostly about the large ones"
        )


Check(
    "unequal-classes",
    "warned",
    rule=f"The largest class has at most {_TIMES} times as many samples as the smallest.",
    remedy="read balanced accuracy (the mean over classes) beside accuracy",
    before=_find,
    example="""import torch


def load():
    x = torch.randn(200, 4, generator=torch.Generator().manual_seed(0))
    return x, (x.sum(1) > 2).long()  # about 16 % are of class 1
""",
)
