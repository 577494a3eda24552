"""Several labels a sample: each is there or not, whatever the others are."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from rectifiers.errors import ArgumentError
from rectifiers.tasks.losses import Ratios

__all__ = ["SeveralLabels"]


class SeveralLabels(Ratios):
    """Binary cross entropy of a logit per label; targets ``(n, labels)`` of 0 and 1.

    Measured by the mean of each label's F1, over labels that occur or are said to.
    """

    metric = "macro F1"

    def outputs(self, targets: Tensor, name: str) -> int:
        """Return the number of labels; raise if targets are none."""
        if targets.ndim != 2 or not bool(((targets == 0) | (targets == 1)).all()):
            raise ArgumentError(
                f"{name}: several-labels takes targets (n, labels) of 0 and 1, but got shape "
                f"{tuple(targets.shape)} and numbers from {targets.min():g} to {targets.max():g}: leave the "
                "loss out for one label a sample"
            )
        return targets.shape[1]

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the mean over labels and samples."""
        return functional.binary_cross_entropy_with_logits(outputs, targets.to(outputs.dtype))

    def rows(self, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Return both sides of each label's F1: twice those found, and those said plus those there."""
        said, true = outputs > 0, targets > 0
        return 2.0 * (said & true).double(), said.double() + true.double()

    def constant(self, targets: Tensor) -> float | None:
        """Return that of the labels that most samples have; None where there are no labels."""
        share = (targets > 0).double().mean(0)
        share = share[share > 0]
        found = torch.where(share > 0.5, 2.0 * share / (1.0 + share), 0.0)
        return 100.0 * float(found.mean()) if len(share) else None
