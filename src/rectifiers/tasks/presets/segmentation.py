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
        last, true = self._aligned(outputs, targets)
        n, classes = len(last), last.shape[-1]
        counts, said = true != self.ignore_index, last.argmax(-1)
        sample = torch.arange(n, device=last.device).view(-1, *[1] * (true.ndim - 1)).expand_as(true)

        def pixels(labels: Tensor, chosen: Tensor) -> Tensor:
            places = (sample * classes + labels)[chosen]
            return torch.bincount(places, minlength=n * classes).view(n, classes).double()

        both = pixels(true, counts & (said == true))
        return self._known(both, last), pixels(true, counts) + pixels(said, counts) - both
