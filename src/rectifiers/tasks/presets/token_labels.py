"""One label a token."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from rectifiers.errors import ArgumentError, ShapeError
from rectifiers.tasks.losses import Ratios, most_frequent

__all__ = ["TokenLabels"]


class TokenLabels(Ratios):
    """Cross entropy over tokens; targets ``(n, length)`` of classes, outputs ``(n, length, classes)``.

    Measured by the share of tokens whose largest output is the right one.

    Parameters
    ----------
    ignore_index : int, default -100
        The target of a token that counts neither in the loss nor in the metric: padding.
    """

    metric = "token accuracy"
    name, axis, layout, least_axes = "token-labels", -1, "(n, length, classes)", 2

    def __init__(self, ignore_index: int = -100) -> None:
        self.ignore_index = ignore_index

    def outputs(self, targets: Tensor, name: str) -> int:
        """Return 0: the model knows how many classes there are; raise if targets are no classes."""
        counted = targets[targets != self.ignore_index]
        whole = not targets.is_floating_point() and targets.ndim >= self.least_axes
        if not whole or not counted.numel() or counted.min() < 0:
            raise ArgumentError(
                f"{name}: {self.name} takes targets {self.layout.replace(', classes', '')} of whole numbers, "
                f"classes from 0 on and not all ignore_index={self.ignore_index}, but got {targets.dtype} of "
                f"shape {tuple(targets.shape)}: leave the loss out for one label a sample"
            )
        return 0

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the mean over all tokens of a batch that count."""
        last, classes, counts = self._aligned(outputs, targets)
        kept = last[counts], classes[counts]
        return functional.cross_entropy(*kept, reduction="sum") / max(1, len(kept[1]))

    def rows(self, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Return how many tokens of each sample are right, and how many count."""
        last, classes, counts = self._aligned(outputs, targets)
        right, counted = (one.flatten(1) for one in ((last.argmax(-1) == classes) & counts, counts))
        return right.sum(1, keepdim=True).double(), counted.sum(1, keepdim=True).double()

    def constant(self, targets: Tensor) -> float | None:
        """Return the share of the most frequent class; None where no token counts."""
        counted = targets[targets != self.ignore_index]
        return 100.0 * most_frequent(counted) if len(counted) else None

    def _aligned(self, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return outputs with their classes last, targets, and which of them count; raise unless they fit."""
        last, classes = outputs.movedim(self.axis, -1), targets.long()
        counts = classes != self.ignore_index
        if last.shape[:-1] != classes.shape:
            raise ShapeError(
                f"{self.name} takes outputs {self.layout} for targets {tuple(targets.shape)}, but the model "
                f"gave {tuple(outputs.shape)}"
            )
        counted = classes[counts]
        strange = counted[(counted < 0) | (counted >= last.shape[-1])]
        if len(strange):
            raise ArgumentError(
                f"the model puts out {last.shape[-1]} classes, but there is a target {int(strange[0])}: "
                "ignore_index says which one does not count"
            )
        return last, classes, counts
