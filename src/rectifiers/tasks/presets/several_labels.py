"""Several labels a sample: each is there or not, whatever the others are."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from rectifiers.errors import ArgumentError
from rectifiers.tasks.losses import Loss

__all__ = ["SeveralLabels"]


class SeveralLabels(Loss):
    """Binary cross entropy of a logit per label; targets ``(n, labels)`` of 0 and 1."""

    metric = "macro F1"
    inferred = False

    def outputs(self, targets: Tensor, name: str) -> int:
        """Return the number of labels; raise if targets are none."""
        if targets.ndim != 2 or not bool(((targets == 0) | (targets == 1)).all()):
            raise ArgumentError(
                f"{name}: several-labels takes targets (n, labels) of 0 and 1, but got {targets.dtype} of "
                f"shape {tuple(targets.shape)} from {float(targets.min()):g} to {float(targets.max()):g}"
            )
        return targets.shape[1]

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the mean over labels and samples."""
        return functional.binary_cross_entropy_with_logits(outputs, targets.to(outputs.dtype))

    def score(self, outputs: Tensor, targets: Tensor) -> float:
        """Return the mean of each label's F1 in %, over labels that occur or are said to."""
        said, true = outputs > 0, targets > 0
        right = (said & true).sum(0).double()
        both = (said.sum(0) + true.sum(0)).double()
        return (
            float(100 * (2 * right[both > 0] / both[both > 0]).mean())
            if bool((both > 0).any())
            else float("nan")
        )
