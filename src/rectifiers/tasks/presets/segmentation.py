"""One label a pixel."""

from __future__ import annotations

import torch
from torch import Tensor

from rectifiers.tasks.presets.token_labels import TokenLabels

__all__ = ["Segmentation"]


class Segmentation(TokenLabels):
    """Cross entropy over pixels; targets ``(n, height, width)``, outputs ``(n, classes, height, width)``.

    Measured by the mean IoU: of each class that occurs among targets or answers, over all pixels together.
    """

    metric = "mean IoU"
    name, axis, layout, least_axes = "segmentation", 1, "(n, classes, height, width)", 3

    def rows(self, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Return the pixels of each class's intersection and of its union, for each sample."""
        last, true, counts = self._aligned(outputs, targets)
        n, classes = len(last), last.shape[-1]
        said = last.argmax(-1)
        first = classes * torch.arange(n, device=last.device).view(-1, *[1] * (true.ndim - 1))

        def pixels(labels: Tensor, chosen: Tensor) -> Tensor:
            places = (first + labels)[chosen]
            return torch.bincount(places, minlength=n * classes).view(n, classes).double()

        both = pixels(true, counts & (said == true))
        return both, pixels(true, counts) + pixels(said, counts) - both

    def constant(self, targets: Tensor) -> float | None:
        """Return the share of the most frequent class, its IoU, over the number of classes that occur."""
        share, occur = super().constant(targets), torch.unique(targets[targets != self.ignore_index])
        return None if share is None else share / len(occur)
