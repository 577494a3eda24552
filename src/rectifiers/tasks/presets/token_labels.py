"""One label a token."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from rectifiers.errors import ArgumentError, ShapeError
from rectifiers.tasks.losses import Loss

__all__ = ["TokenLabels"]


class TokenLabels(Loss):
    """Cross entropy over tokens; targets ``(n, length)`` of classes, outputs ``(n, length, classes)``.

    Parameters
    ----------
    ignore_index : int, default -100
        The target of a token that counts neither in the loss nor in the metric: padding.
    """

    metric = "token accuracy"
    inferred = False
    name, axis, layout, least_axes = "token-labels", -1, "(n, length, classes)", 2

    def __init__(self, ignore_index: int = -100) -> None:
        self.ignore_index = ignore_index

    def outputs(self, targets: Tensor, name: str) -> int:
        """Return 0: the model knows how many classes there are; raise if targets are no classes."""
        counted = targets[targets != self.ignore_index]
        if (
            targets.is_floating_point()
            or targets.ndim < self.least_axes
            or not counted.numel()
            or counted.min() < 0
        ):
            raise ArgumentError(
                f"{name}: {self.name} takes targets {self.layout.replace(', classes', '')} of whole numbers, "
                f"classes from 0 on or ignore_index={self.ignore_index}, but got {targets.dtype} of shape "
                f"{tuple(targets.shape)}" + (f" with {int(counted.min())}" if counted.numel() else "")
            )
        return 0

    def rows(self, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Return an output for each token that counts, and its class."""
        last = outputs.movedim(self.axis, -1)
        if last.shape[:-1] != targets.shape:
            raise ShapeError(
                f"{self.name} takes outputs {self.layout} for targets {tuple(targets.shape)}, but the model "
                f"gave {tuple(outputs.shape)}"
            )
        counts = targets != self.ignore_index
        kept, classes = last[counts], targets[counts].long()
        if classes.numel() and int(classes.max()) >= last.shape[-1]:
            raise ArgumentError(
                f"the model puts out {last.shape[-1]} classes, but there is a target {int(classes.max())}: "
                "ignore_index says which one does not count"
            )
        return kept, classes

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the mean over all tokens of a batch that count."""
        kept, classes = self.rows(outputs, targets)
        return functional.cross_entropy(kept, classes, reduction="sum") / max(1, len(classes))

    def score(self, outputs: Tensor, targets: Tensor) -> float:
        """Return the share of tokens, in %, whose largest output is the right one; of `rows`."""
        return float(100 * (outputs.argmax(-1) == targets).double().mean())
